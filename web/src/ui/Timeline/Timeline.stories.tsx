// SPDX-License-Identifier: Apache-2.0
import { buildRows } from "../../viewmodels/rows.ts";
import type { TimelineSnapshot } from "../../viewmodels/timeline.ts";
import { idle, message, NOW, text } from "../samples.ts";
import { ChangesRow } from "./ChangesRow.tsx";
import { TimelineView } from "./TimelineView.tsx";

const items = [message("1", text("Un")), message("2", text("Deux")), message("3", { kind: "state", change: { change: "joined", targetName: "Lucie", reason: "" } })];
const state: TimelineSnapshot = {
  rows: buildRows(items, { readMarker: "$1", atStart: true }), loading: false, loadingOlder: false, atStart: true, atEnd: true, newBelow: 0, firstUnread: "2", unreadBefore: false,
  target: null, highlighted: null, failure: null,
};
const show = (change: Partial<TimelineSnapshot>) => <TimelineView state={{ ...state, ...change }} actions={idle()} messageActions={idle()} name="Cellule" direct={false} now={NOW} />;
const change = (id: string) => message(id, { kind: "state", change: { change: "joined", targetName: id, reason: "" } });

export const stories = {
  messages: () => show({}), loading: () => show({ rows: [], loading: true }), away: () => show({ atEnd: false, newBelow: 4, loadingOlder: true }),
  changes: () => <ChangesRow items={[change("a"), change("b")]} />, folded: () => <ChangesRow items={[change("a"), change("b"), change("c"), change("d")]} />,
};
