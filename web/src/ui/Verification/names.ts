// SPDX-License-Identifier: Apache-2.0
/** The 64 verification emoji in French; the specification gives the English names. */
import { language } from "../../i18n/index.ts";

const FRENCH: Readonly<Record<string, string>> = {
  dog: "Chien", cat: "Chat", lion: "Lion", horse: "Cheval", unicorn: "Licorne", pig: "Cochon", elephant: "Éléphant", rabbit: "Lapin",
  panda: "Panda", rooster: "Coq", penguin: "Manchot", turtle: "Tortue", fish: "Poisson", octopus: "Poulpe", butterfly: "Papillon",
  flower: "Fleur", tree: "Arbre", cactus: "Cactus", mushroom: "Champignon", globe: "Globe", moon: "Lune", cloud: "Nuage", fire: "Feu",
  banana: "Banane", apple: "Pomme", strawberry: "Fraise", corn: "Maïs", pizza: "Pizza", cake: "Gâteau", heart: "Cœur", smiley: "Sourire",
  robot: "Robot", hat: "Chapeau", glasses: "Lunettes", spanner: "Clé plate", santa: "Père Noël", "thumbs up": "Pouce levé",
  umbrella: "Parapluie", hourglass: "Sablier", clock: "Horloge", gift: "Cadeau", "light bulb": "Ampoule", book: "Livre", pencil: "Crayon",
  paperclip: "Trombone", scissors: "Ciseaux", lock: "Cadenas", key: "Clé", hammer: "Marteau", telephone: "Téléphone", flag: "Drapeau",
  train: "Train", bicycle: "Vélo", aeroplane: "Avion", rocket: "Fusée", trophy: "Trophée", ball: "Ballon", guitar: "Guitare",
  trumpet: "Trompette", bell: "Cloche", anchor: "Ancre", headphones: "Casque", folder: "Dossier", pin: "Punaise",
};

export function emojiName(name: string): string {
  return language.get() === "fr" ? FRENCH[name.toLowerCase()] ?? name : name;
}
