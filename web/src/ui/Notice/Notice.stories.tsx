// SPDX-License-Identifier: Apache-2.0
import { Lapsed } from "./Lapsed.tsx";
import { Notice } from "./Notice.tsx";

export const stories = {
  info: () => <Notice>Une information</Notice>, warn: () => <Notice tone="warn">Attention</Notice>,
  lapsed: () => <Lapsed page="https://compte.example/renew" />, lapsedAsk: () => <Lapsed page={null} />,
  danger: () => <Notice tone="danger">Erreur</Notice>, ok: () => <Notice tone="ok" actions={<button type="button">Fermer</button>}>Fait</Notice>,
};
