// SPDX-License-Identifier: Apache-2.0
import { Notice } from "./Notice.tsx";

export const stories = {
  info: () => <Notice>Une information</Notice>, warn: () => <Notice tone="warn">Attention</Notice>,
  danger: () => <Notice tone="danger">Erreur</Notice>, ok: () => <Notice tone="ok" actions={<button type="button">Fermer</button>}>Fait</Notice>,
};
