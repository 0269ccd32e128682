// SPDX-License-Identifier: Apache-2.0
import { nothing, summary } from "../samples.ts";
import { SwitcherView } from "./SwitcherView.tsx";

export const stories = { some: () => <SwitcherView rooms={[summary("!1:x", "Cellule de crise"), summary("!2:x", "Jean Martin", { direct: true })]} onOpen={nothing} onClose={nothing} /> };
