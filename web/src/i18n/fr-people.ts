// SPDX-License-Identifier: Apache-2.0
/** Inviting people, and the kinds of conversations, in plain French. */

const s = (count: number): string => (count > 1 ? "s" : "");

export const frPeople = {
  field: "Inviter des personnes",
  help: "Noms, identifiants ou adresses électroniques. Séparez-les par des virgules, ou collez une liste.",
  list: "Personnes à inviter",
  suggestions: "Personnes trouvées",
  remove: (name: string) => `Retirer ${name} de la liste`,
  action: (n: number) => (n > 1 ? `Inviter ${n} personnes` : "Inviter"),
  sending: "Envoi…",
  sent: (names: string) => `Invitation envoyée : ${names}.`,
  sentAgain: (address: string) => `Courriel renvoyé à ${address}.`,
  fate: {
    checking: () => "Vérification…",
    person: (organisation: string) => organisation,
    inside: () => "Est déjà dans la conversation",
    agent: () => "Pas encore de compte : un courriel l’invite à en créer un",
    guest: () => "Personne extérieure à l’administration : un courriel l’invite comme invité externe",
    elsewhere: (organisation: string) => `Son organisation${organisation ? ` (${organisation})` : ""} a son propre serveur : demandez-lui son identifiant`,
    nobody: () => "Introuvable : vérifiez l’orthographe. Cette adresse ou cet identifiant n’est pas attendu ici",
    unknown: () => "Un courriel lui sera envoyé",
    noMail: () => "Pas de compte ici, et ce serveur n’envoie pas d’invitations par courriel",
  },
  opening: "Cette conversation est réservée aux agents. Inviter une personne extérieure l’ouvre aux externes, et ce choix est définitif : tous les membres verront qu’elle est ouverte.",
  openingAgree: "Ouvrir cette conversation aux personnes extérieures",
  pending: "Invitations par courriel",
  pendingBy: (name: string, when: string) => `Invitation de ${name}, ${when}`,
  pendingActions: (label: string) => `Actions pour l’invitation de ${label}`,
  again: "Renvoyer le courriel",
  withdraw: "Annuler l’invitation",
  guest: "Externe",
  guests: "Externes",
  guestHelp: "Personne extérieure à l’administration",
  openRoom: "Ouverte aux externes",
  openRoomHelp: "Des personnes extérieures à l’administration peuvent être invitées",
  notYet: (address: string) => `${address} n’a pas encore de compte : un courriel vient de lui être envoyé. Vous pourrez écrire dès son arrivée ; un message chiffré envoyé avant ne pourrait pas être lu.`,
  writeAddress: "Inviter et écrire",
  guestsCount: (n: number) => `dont ${n} externe${s(n)}`,
};

export const frKinds = {
  legend: "Qui peut entrer ?",
  secure: "Conversation privée",
  secureHelp: "Sur invitation seulement. Les messages sont chiffrés : seuls les membres peuvent les lire, pas même le serveur.",
  recommended: "Recommandé",
  guests: "Ouvrir aux personnes extérieures à l’administration",
  guestsHelp: "Vous pourrez inviter des partenaires. Ce choix est définitif et tous les membres le verront.",
  guestsMissing: "Parmi les personnes à inviter, certaines sont extérieures à l’administration. Ouvrez la conversation aux personnes extérieures, ou retirez-les de la liste.",
  public: "Salon public",
  publicHelp: "Tous les agents peuvent le trouver, y entrer et lire tout ce qui y a été écrit.",
  publicWarning: "Les messages d’un salon public ne sont pas chiffrés. N’y écrivez rien qui ne puisse être lu par toute l’administration ; pour une équipe, choisissez une conversation privée.",
  publicFirst: "Vous écrivez dans un salon public : tous les agents peuvent lire vos messages, et ils ne sont pas chiffrés.",
  understood: "J’ai compris",
  made: "La conversation est créée, mais certaines invitations n’ont pas pu partir.",
  open: "Ouvrir la conversation",
};
