// SPDX-License-Identifier: Apache-2.0
import type { OtherAccountsSnapshot } from "../../viewmodels/other-accounts.ts";
import { CAMILLE, nothing } from "../samples.ts";
import { AccountMenu } from "./AccountMenu.tsx";

const account = (name: string) => ({ key: name, userId: `@${name}:gouv.fr`, deviceId: "D" });
const others: OtherAccountsSnapshot = {
  accounts: [
    { account: account("astreinte"), name: "Astreinte nationale", phase: "watching", unread: 120, mentioned: true },
    { account: account("ancienne"), name: "@ancienne:gouv.fr", phase: "closed", unread: 0, mentioned: false },
  ],
  unread: 120, mentioned: true,
};
const show = (state: OtherAccountsSnapshot) => <AccountMenu me={CAMILLE} others={state} onSwitch={nothing} onAdd={nothing} />;

export const stories = {
  news: () => show(others),
  quiet: () => show({ ...others, unread: 0, mentioned: false }),
  alone: () => <div>{show({ accounts: [], unread: 0, mentioned: false })}</div>,
};
