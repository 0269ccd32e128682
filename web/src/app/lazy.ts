// SPDX-License-Identifier: Apache-2.0
/** What is not needed to sign in. */
export const loadWorkspace = () => import("./Workspace.tsx").then((module) => ({ default: module.Workspace }));
