// SPDX-License-Identifier: Apache-2.0
import { type KeyboardEvent, type ReactNode, useId, useLayoutEffect, useRef, useState } from "react";
import { IconButton } from "../Button/Button.tsx";
import { Icon, type IconName } from "../Icon/Icon.tsx";
import styles from "./Menu.module.css";

export interface MenuItem {
  /** Where labels may be the same. */
  readonly key?: string;
  readonly label: string;
  /** A second, smaller line. */
  readonly detail?: string;
  /** How much waits there: as shown, and as said. */
  readonly count?: { readonly short: string; readonly said: string };
  readonly icon?: IconName;
  readonly danger?: boolean;
  readonly run: () => void;
}

interface Props {
  readonly label: string;
  readonly items: readonly MenuItem[];
  readonly icon?: IconName;
  /** What the button shows instead of an icon. */
  readonly face?: ReactNode;
  readonly className?: string | undefined;
  readonly head?: (close: () => void) => ReactNode;
  readonly tabIndex?: number;
}

/** A button that opens a menu in the top layer; arrows move, Escape closes, focus returns. */
export function Menu({ label, items, icon = "more", face, className, head, tabIndex }: Props) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const popup = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);

  const close = (): void => {
    popup.current?.hidePopover();
    button.current?.focus();
  };
  const show = (): void => {
    popup.current?.showPopover();
  };
  useLayoutEffect(() => {
    const element = popup.current;
    if (!open || !element || !button.current) return;
    place(element, button.current.getBoundingClientRect());
    element.querySelector<HTMLElement>("button")?.focus();
    return () => { element.style.visibility = ""; };
  }, [open]);
  const onKey = (event: KeyboardEvent): void => {
    const choices = [...(popup.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = choices.indexOf(document.activeElement as HTMLElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choices[(at + step + choices.length) % choices.length]?.focus();
    else if (event.key === "Home") choices[0]?.focus();
    else if (event.key === "End") choices.at(-1)?.focus();
    else if (event.key === "Tab" || event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <>
      <IconButton
        ref={button} icon={icon} label={label} className={className} aria-haspopup="menu" aria-expanded={open} tabIndex={tabIndex}
        aria-controls={open ? id : undefined} onClick={(event) => { event.stopPropagation(); if (open) close(); else show(); }}
      >{face}</IconButton>
      <div
        ref={popup} id={id} popover="auto" className={styles.menu} onKeyDown={onKey}
        onToggle={(event) => setOpen(event.newState === "open")} onClick={(event) => event.stopPropagation()}
      >
        {open ? <>
          {head?.(close)}
          <div role="menu" aria-label={label}>
            {items.map((item) => (
              <button
                key={item.key ?? item.label} type="button" role="menuitem" className={`${styles.item} ${item.danger ? styles.danger : ""}`}
                onClick={() => { close(); item.run(); }}
              >
                {item.icon ? <Icon name={item.icon} size={18} /> : null}
                {item.detail === undefined ? item.label : <span className={styles.lines}><span>{item.label}</span> <span className={styles.detail}>{item.detail}</span></span>}
                {item.count ? <> <span className={styles.count} aria-hidden="true">{item.count.short}</span><span className="sr">{item.count.said}</span></> : null}
              </button>
            ))}
          </div>
        </> : null}
      </div>
    </>
  );
}

/** Below the button if there is room, else above; never outside the window. */
export function place(element: HTMLElement, anchor: DOMRect): void {
  const { offsetWidth: width, offsetHeight: height } = element;
  const left = Math.max(8, Math.min(anchor.right - width, window.innerWidth - width - 8));
  const below = anchor.bottom + 4;
  const top = below + height < window.innerHeight - 8 ? below : Math.max(8, anchor.top - height - 4);
  element.style.left = `${left}px`;
  element.style.top = `${top}px`;
  element.style.visibility = "visible";
}
