// SPDX-License-Identifier: Apache-2.0
/** Per-room notification levels as push rules (client-server API 11.12). */
import { ConditionKind, type MatrixClient, PushRuleActionName, PushRuleKind } from "matrix-js-sdk";
import type { NotificationLevel } from "../port/rooms.ts";

/**
 * `mute` is an override rule that drops everything of the room; `mentions` is a room rule that
 * notifies of nothing, so that only the mention overrides above it still speak.
 */
export function notificationLevel(client: MatrixClient, roomId: string): NotificationLevel {
  const rules = client.pushRules?.global;
  const silent = (actions: readonly unknown[]): boolean => !actions.includes(PushRuleActionName.Notify);
  const override = rules?.override?.find((rule) => rule.rule_id === roomId && rule.enabled);
  if (override && silent(override.actions)) return "mute";
  const room = rules?.room?.find((rule) => rule.rule_id === roomId && rule.enabled);
  return room && silent(room.actions) ? "mentions" : "all";
}

export async function setNotificationLevel(client: MatrixClient, roomId: string, level: NotificationLevel): Promise<void> {
  const rules = client.pushRules?.global;
  if (level !== "mute" && rules?.override?.some((rule) => rule.rule_id === roomId)) {
    await client.deletePushRule("global", PushRuleKind.Override, roomId);
  }
  if (level !== "mentions" && rules?.room?.some((rule) => rule.rule_id === roomId)) {
    await client.deletePushRule("global", PushRuleKind.RoomSpecific, roomId);
  }
  if (level === "mute") {
    await client.addPushRule("global", PushRuleKind.Override, roomId, {
      conditions: [{ kind: ConditionKind.EventMatch, key: "room_id", pattern: roomId }], actions: [],
    });
  }
  if (level === "mentions") await client.addPushRule("global", PushRuleKind.RoomSpecific, roomId, { actions: [] });
  client.setPushRules(await client.getPushRules());
}
