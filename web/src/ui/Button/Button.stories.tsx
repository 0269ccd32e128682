// SPDX-License-Identifier: Apache-2.0
import { Button, IconButton } from "./Button.tsx";

export const stories = {
  primary: () => <Button look="primary">Envoyer</Button>,
  danger: () => <Button look="danger" icon="trash">Supprimer</Button>,
  quiet: () => <Button look="quiet">Plus tard</Button>,
  disabled: () => <Button disabled>Enregistrer</Button>,
  icon: () => <IconButton icon="info" label="Informations" />,
};
