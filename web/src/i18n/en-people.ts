// SPDX-License-Identifier: Apache-2.0
import type { frKinds, frPeople } from "./fr-people.ts";

const s = (count: number): string => (count > 1 ? "s" : "");

export const enPeople: typeof frPeople = {
  field: "Invite people",
  help: "Names, identifiers or e-mail addresses. Separate them with commas, or paste a list.",
  list: "People to invite",
  suggestions: "People found",
  remove: (name) => `Remove ${name} from the list`,
  action: (n) => (n > 1 ? `Invite ${n} people` : "Invite"),
  sending: "Sending…",
  sent: (names) => `Invitation sent: ${names}.`,
  sentAgain: (address) => `E-mail sent again to ${address}.`,
  fate: {
    checking: () => "Checking…",
    person: (organisation) => organisation,
    inside: () => "Is already in the conversation",
    agent: () => "No account yet: an e-mail invites them to create one",
    guest: () => "From outside the administration: an e-mail invites them as an external guest",
    elsewhere: (organisation) => `Their organisation${organisation ? ` (${organisation})` : ""} has its own server: ask them for their identifier`,
    nobody: () => "Not found: check the spelling. This address or identifier is not expected here",
    unknown: () => "An e-mail will be sent to them",
    noMail: () => "No account here, and this server sends no invitations by e-mail",
  },
  opening: "This conversation is for agents only. Inviting somebody from outside opens it to external people, and that cannot be undone: all members will see that it is open.",
  openingAgree: "Open this conversation to people from outside",
  pending: "Invitations by e-mail",
  pendingBy: (name, when) => `Invited by ${name}, ${when}`,
  pendingActions: (label) => `Actions for the invitation of ${label}`,
  again: "Send the e-mail again",
  withdraw: "Cancel the invitation",
  guest: "External",
  guests: "External",
  guestHelp: "From outside the administration",
  openRoom: "Open to external people",
  openRoomHelp: "People from outside the administration can be invited",
  notYet: (address) => `${address} has no account yet: an e-mail was just sent to them. You can write as soon as they arrive; an encrypted message sent before could not be read.`,
  writeAddress: "Invite and write",
  guestsCount: (n) => `${n} external${s(n)}`,
};

export const enKinds: typeof frKinds = {
  legend: "Who can come in?",
  secure: "Private conversation",
  secureHelp: "By invitation only. Messages are encrypted: only members can read them, not even the server can.",
  recommended: "Recommended",
  guests: "Open to people from outside the administration",
  guestsHelp: "You will be able to invite partners. This cannot be undone, and all members will see it.",
  guestsMissing: "Some of the people to invite are from outside the administration. Open the conversation to people from outside, or remove them from the list.",
  public: "Public room",
  publicHelp: "All agents can find it, come in and read everything that was written there.",
  publicWarning: "Messages in a public room are not encrypted. Write nothing there that the whole administration may not read; for a team, choose a private conversation.",
  publicFirst: "You are writing in a public room: all agents can read your messages, and they are not encrypted.",
  understood: "I understand",
  made: "The conversation was created, but some invitations could not be sent.",
  open: "Open the conversation",
};
