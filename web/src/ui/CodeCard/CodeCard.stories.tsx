// SPDX-License-Identifier: Apache-2.0
import { CodeCard } from "./CodeCard.tsx";
import { nothing } from "../samples.ts";

export const stories = {
  code: () => <CodeCard account="@camille.durand:gouv.fr" code="EsTo u4aL orxL r9cA JjeQ hVj6 B4xi guWH HANS Uq4W PHWx YjAF" onCopy={() => Promise.resolve()} onPrint={nothing} onPdf={nothing} />,
};
