// SPDX-License-Identifier: Apache-2.0
/** What this browser is called in the list of devices. */
export const deviceName = (): string => {
  const agent = navigator.userAgent;
  const browser = /Firefox/.test(agent) ? "Firefox" : /Edg\//.test(agent) ? "Edge"
    : /Chrome/.test(agent) ? "Chrome" : /Safari/.test(agent) ? "Safari" : "Web";
  const system = /Android/.test(agent) ? "Android" : /iPhone|iPad/.test(agent) ? "iOS"
    : /Windows/.test(agent) ? "Windows" : /Mac OS/.test(agent) ? "macOS" : "Linux";
  return `Estafette (${browser}, ${system})`;
};
