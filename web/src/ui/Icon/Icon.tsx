// SPDX-License-Identifier: Apache-2.0
/** Line icons on a 24-unit grid. Always beside a text or inside a named control. */
import styles from "./Icon.module.css";

const PATHS = {
  send: "M4 12 20 4l-5 16-3.5-6.5L4 12Zm7.5 1.5L20 4",
  attach: "m8 12.5 6-6a3 3 0 0 1 4.2 4.2l-8 8a5 5 0 0 1-7-7l7.3-7.3",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM8.5 14.5a4.5 4.5 0 0 0 7 0M9 9.5v.01M15 9.5v.01",
  back: "m14.5 5-7 7 7 7",
  close: "M6 6l12 12M18 6 6 18",
  more: "M4 12a1 1 0 1 0 2 0 1 1 0 0 0-2 0Zm7 0a1 1 0 1 0 2 0 1 1 0 0 0-2 0Zm7 0a1 1 0 1 0 2 0 1 1 0 0 0-2 0Z",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm0-10v5M12 8v.01",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm4.8-1.7L20 20",
  plus: "M12 5v14M5 12h14",
  lock: "M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6v-9Z",
  unlock: "M7 11V8a5 5 0 0 1 9.6-2M6 11h12v9H6v-9Z",
  reply: "M10 6 4 12l6 6v-4c5 0 8 1.5 10 5 0-6-3-9-10-9V6Z",
  edit: "M4 20h4L19 9l-4-4L4 16v4ZM13 7l4 4",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  check: "m5 12.5 4.5 4.5L19 7.5",
  down: "M12 5v13m-6-6 6 6 6-6",
  up: "M12 19V6m-6 6 6-6 6 6",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 9.5v-5M9 19.5v-5",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-6 9c0-4 2.5-6 6-6s6 2 6 6M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5c2 .8 3 2.6 3 5.5",
  group: "M4 6h16v10H9l-5 4V6Z",
  star: "m12 4 2.4 5.2 5.6.6-4.2 3.8 1.2 5.6L12 16.4l-5 2.8 1.2-5.6L4 9.8l5.6-.6L12 4Z",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4l2-2Zm4 4h4",
  bellOff: "M6 16V11a6 6 0 0 1 9-5.2M18 12v4l2 2H4l2-2m4 4h4M4 4l16 16",
  file: "M6 3h8l4 4v14H6V3Zm8 0v4h4",
  download: "M12 4v11m-5-5 5 5 5-5M5 20h14",
  play: "M8 5v14l11-7L8 5Z",
  copy: "M9 9h11v11H9V9Zm-5 6V4h11",
  print: "M7 8V4h10v4M7 17H4V8h16v9h-3M7 14h10v6H7v-6Z",
  shield: "M12 3 5 6v6c0 4.5 3 7.5 7 9 4-1.5 7-4.5 7-9V6l-7-3Z",
  warn: "M12 4 3 20h18L12 4Zm0 6v5m0 2.5v.01",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm0-14v5l3.5 2",
  retry: "M5 12a7 7 0 1 1 2 5m-2 3v-4h4",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
  device: "M4 5h16v11H4V5Zm5 15h6M12 16v4",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Zm9.5 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1m2 4a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  mail: "M3 6h18v12H3V6Zm0 1 9 6 9-6",
  leave: "M14 4H5v16h9M10 12h11m-4-4 4 4-4 4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg className={styles.icon} width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
