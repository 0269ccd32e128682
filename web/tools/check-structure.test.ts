// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { faultsOf } from "./check-structure.ts";

const licence = "// SPDX-License-Identifier: Apache-2.0\n";

describe("the walls", () => {
  it.each([
    ["ui/A/A.tsx", 'import { x } from "matrix-js-sdk";'],
    ["ui/A/A.tsx", 'import { x } from "../../core/matrix/room.ts";'],
    ["viewmodels/a.ts", 'import { useState } from "react";'],
    ["viewmodels/a.ts", 'import { x } from "../core/matrix/room.ts";'],
    ["viewmodels/a.ts", 'const x = document.title;'],
    ["core/port/a.ts", 'import { x } from "../matrix/room.ts";'],
    ["core/content/a.ts", 'const x = await import("../matrix/room.ts");'],
    ["app/a.ts", 'import "matrix-js-sdk/lib/logger";'],
    ["app/sw.ts", 'import { openCore } from "../core/index.ts";'],
    ["app/sw.ts", 'const core = await import("../core/index.ts");'],
    ["app/sw.ts", 'const keys = indexedDB.open("estafette-crypto");'],
  ])("stop %s: %s", (path, text) => {
    expect(faultsOf(path, licence + text).length).toBe(1);
  });

  it("let the rest through", () => {
    expect(faultsOf("ui/A/A.tsx", `${licence}import { x } from "../../viewmodels/a.ts";\nimport { y } from "react";`)).toEqual([]);
    expect(faultsOf("app/sw.ts", `${licence}import type { PushNames } from "./web-push.ts";`)).toEqual([]);
    expect(faultsOf("core/matrix/a.ts", `${licence}import { x } from "matrix-js-sdk";`)).toEqual([]);
  });

  it("stop long files and files without a licence", () => {
    expect(faultsOf("ui/A/A.tsx", licence + "\n".repeat(500)).length).toBe(1);
    expect(faultsOf("ui/A/A.tsx", "export {};").length).toBe(1);
  });
});
