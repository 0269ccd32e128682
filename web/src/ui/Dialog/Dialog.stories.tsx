// SPDX-License-Identifier: Apache-2.0
import { nothing } from "../samples.ts";
import { Confirm, Dialog } from "./Dialog.tsx";

export const stories = {
  dialog: () => <Dialog title="Titre" onClose={nothing}><p>Contenu</p></Dialog>,
  confirm: () => <Confirm title="Supprimer" text="Supprimer ce message ?" action="Supprimer" danger onConfirm={nothing} onCancel={nothing} />,
};
