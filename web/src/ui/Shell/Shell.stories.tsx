// SPDX-License-Identifier: Apache-2.0
import { nothing } from "../samples.ts";
import { Cover } from "./Cover.tsx";
import { DropZone, InvitePrompt, NotHere, NothingOpen, Shell } from "./Shell.tsx";

export const stories = {
  nothingOpen: () => <Shell list={<nav aria-label="Conversations"><h1>Conversations</h1></nav>} main={<NothingOpen />} inRoom={false} banners={null} />,
  notHere: () => <NotHere busy={false} problem="Erreur" onJoin={nothing} onBack={nothing} />,
  invite: () => <InvitePrompt inviter="Jean Martin" busy={false} problem="Erreur" onAccept={nothing} onDecline={nothing} />,
  loading: () => <Cover text="Ouverture…" busy />, otherTab: () => <Cover text="Autre onglet" help="Un seul à la fois" action="Utiliser ici" onAction={nothing} />,
  drop: () => <DropZone onFiles={nothing}><p>Messages</p></DropZone>,
};
