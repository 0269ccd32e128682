// SPDX-License-Identifier: Apache-2.0
/** Makes what tests try by chance the same on every machine. ESTAFETTE_SEED names another seed. */
import fc from "fast-check";

fc.configureGlobal({ seed: Number(process.env["ESTAFETTE_SEED"] ?? 1) });
