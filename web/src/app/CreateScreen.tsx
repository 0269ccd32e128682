// SPDX-License-Identifier: Apache-2.0
import { useEffect, useMemo } from "react";
import type { Core } from "../core/port/core.ts";
import { CreateViewModel } from "../viewmodels/create.ts";
import { CreateView } from "../ui/Create/CreateView.tsx";
import { useSnapshot } from "./use-snapshot.ts";

export function CreateScreen({ core, onOpen, onClose }: { readonly core: Core; readonly onOpen: (id: string) => void; readonly onClose: () => void }) {
  const vm = useMemo(() => new CreateViewModel(core, onOpen), [core, onOpen]);
  const state = useSnapshot(vm);
  useEffect(() => () => vm.dispose(), [vm]);
  return <CreateView state={state} actions={vm} invitees={vm.invitees} onClose={onClose} />;
}
