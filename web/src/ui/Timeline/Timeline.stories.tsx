// SPDX-License-Identifier: Apache-2.0
import { buildRows, type FoldedReason } from "../../viewmodels/rows.ts";
import type { TimelineSnapshot } from "../../viewmodels/timeline.ts";
import { idle, message, nothing, NOW, text } from "../samples.ts";
import { ChangesRow } from "./ChangesRow.tsx";
import { TimelineView } from "./TimelineView.tsx";
import { UnreadableRow } from "./UnreadableRow.tsx";

const REASONS: readonly FoldedReason[] = [
  "deviceNotVerified", "beforeYouJoined", "beforeThisDevice", "backupMissing", "withheldUnverified", "senderNotTrusted", "senderIdentityChanged", "unknown",
];

const items = [message("1", text("Un")), message("2", text("Deux")), message("3", { kind: "state", change: { change: "joined", targetName: "Lucie", reason: "" } })];
const state: TimelineSnapshot = {
  rows: buildRows(items, { readMarker: "$1", atStart: true }), loading: false, loadingOlder: false, atStart: true, atEnd: true, newBelow: 0, firstUnread: "2", unreadBefore: false,
  target: null, highlighted: null, failure: null,
};
const show = (change: Partial<TimelineSnapshot>) => <TimelineView state={{ ...state, ...change }} actions={idle()} messageActions={idle()} name="Cellule" direct={false} now={NOW} />;
const change = (id: string) => message(id, { kind: "state", change: { change: "joined", targetName: id, reason: "" } });

const lost = (id: string) => message(id, { kind: "unreadable", reason: "backupMissing" });
const unread = (opened: readonly string[]) => buildRows([message("0", text("Lisible")), lost("1"), lost("2"), lost("3")], { readMarker: null, atStart: true, opened: new Set(opened) });

export const stories = {
  unreadable: () => show({ rows: unread([]) }), unreadableOpen: () => show({ rows: unread(["2"]) }),
  unreadableReasons: () => <>{REASONS.map((reason) => <UnreadableRow key={reason} id={reason} reason={reason} count={12} open onToggle={nothing} onAttend={nothing} />)}</>,
  messages: () => show({}), loading: () => show({ rows: [], loading: true }), away: () => show({ atEnd: false, newBelow: 4, loadingOlder: true }),
  changes: () => <ChangesRow items={[change("a"), change("b")]} />, folded: () => <ChangesRow items={[change("a"), change("b"), change("c"), change("d")]} />,
};
