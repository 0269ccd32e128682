// SPDX-License-Identifier: Apache-2.0
import "../ui/tokens.css";
import "../ui/base.css";
import { createRoot } from "react-dom/client";
import { createAuth, openCore } from "../core/index.ts";
import { AppViewModel } from "../viewmodels/app.ts";
import { PreferencesViewModel } from "../viewmodels/preferences.ts";
import { App } from "./App.tsx";
import { startAnew } from "./leaving.ts";
import { oauthReturn } from "./oauth-return.ts";
import { registerWorker } from "./register-worker.ts";
import { startAccount } from "./routes.ts";
import { forgetMemory, localMemory } from "./storage.ts";
import { forgetNames } from "./web-push.ts";
import { lockName, tabLock } from "./tab-lock.ts";

const preferences = new PreferencesViewModel(localMemory("estafette"), navigator.languages);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const contrast = window.matchMedia("(prefers-contrast: more)");

function dress(): void {
  const { theme, language } = preferences.get();
  const system = contrast.matches ? (dark.matches ? "contrastDark" : "contrastLight") : dark.matches ? "dark" : "light";
  document.documentElement.dataset["theme"] = theme === "system" ? system : theme;
  document.documentElement.lang = language;
}
dress();
preferences.subscribe(dress);
dark.addEventListener("change", dress);
contrast.addEventListener("change", dress);

// A file dropped beside the conversation would replace the application by what is in it.
for (const name of ["dragover", "drop"] as const) {
  window.addEventListener(name, (event) => {
    if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "none";
  });
}

const auth = createAuth();
if (startAccount !== null && auth.accounts().some((one) => one.key === startAccount)) auth.activate(startAccount);
const app = new AppViewModel({
  auth,
  openCore,
  lockFor: (account) => tabLock(lockName(account)),
  restart: () => startAnew(),
  forget: (account) => {
    forgetMemory(account.key);
    void forgetNames(account);
  },
});
void app.start(oauthReturn(window.location.search) !== null);

const root = document.getElementById("root");
if (root) createRoot(root).render(<App app={app} auth={auth} preferences={preferences} />);
registerWorker();
