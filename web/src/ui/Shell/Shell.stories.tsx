// SPDX-License-Identifier: Apache-2.0
import { DETAILS, JEAN, nothing } from "../samples.ts";
import { Cover } from "./Cover.tsx";
import { DropZone, InvitePrompt, NotHere, NothingOpen, Shell } from "./Shell.tsx";

export const stories = {
  nothingOpen: () => <Shell list={<nav aria-label="Conversations"><h1>Conversations</h1></nav>} main={<NothingOpen />} inRoom={false} banners={null} />,
  notHere: () => <NotHere busy={false} problem="Erreur" onJoin={nothing} onBack={nothing} />,
  invite: () => <InvitePrompt details={{ ...DETAILS, membership: "invite", inviter: JEAN, encrypted: false }} busy={false} problem="Erreur" onAccept={nothing} onDecline={nothing} />,
  failed: () => <Cover text="Échec" help="Rien n’est perdu" action="Réessayer" onAction={nothing} last={{ action: "Retirer ce compte", text: "Sûr ?", run: nothing }} />,
  loading: () => <Cover text="Ouverture…" busy />, otherTab: () => <Cover text="Autre onglet" help="Un seul à la fois" action="Utiliser ici" onAction={nothing} />,
  drop: () => <DropZone onFiles={nothing}><p>Messages</p></DropZone>,
};
