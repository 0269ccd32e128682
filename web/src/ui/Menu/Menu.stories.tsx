// SPDX-License-Identifier: Apache-2.0
import { nothing } from "../samples.ts";
import { Menu } from "./Menu.tsx";

export const stories = { closed: () => <Menu label="Actions" items={[{ label: "Répondre", icon: "reply", run: nothing }, { label: "Supprimer", danger: true, run: nothing }]} /> };
