// SPDX-License-Identifier: Apache-2.0
import { nothing } from "../samples.ts";
import { Field } from "./Field.tsx";

export const stories = {
  plain: () => <Field label="Identifiant" help="Par exemple : camille.durand" value="" onText={nothing} />,
  problem: () => <Field label="Mot de passe" type="password" problem="Indiquez votre mot de passe." value="" onText={nothing} />,
  lines: () => <Field label="Code" rows={3} problem="Il manque 2 caractères." value="EsTo u4aL" onText={nothing} />,
  hiddenLabel: () => <Field label="Rechercher" labelHidden value="" onText={nothing} />,
};
