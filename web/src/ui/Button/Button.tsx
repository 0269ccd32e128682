// SPDX-License-Identifier: Apache-2.0
import type { ButtonHTMLAttributes, Ref } from "react";
import { Icon, type IconName } from "../Icon/Icon.tsx";
import styles from "./Button.module.css";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: "primary" | "plain" | "quiet" | "danger";
  readonly icon?: IconName;
  readonly wide?: boolean;
  readonly ref?: Ref<HTMLButtonElement>;
}

export function Button({ look = "plain", icon, wide = false, children, className = "", ...rest }: ButtonProps) {
  return (
    <button type="button" className={`${styles.button} ${styles[look]} ${wide ? styles.wide : ""} ${className}`} {...rest}>
      {icon ? <Icon name={icon} size={18} /> : null}
      {children}
    </button>
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly icon: IconName;
  readonly label: string;
  readonly size?: number;
  readonly ref?: Ref<HTMLButtonElement>;
}

/** A square control whose name is read aloud and shown as a tooltip. `children` take the icon's place. */
export function IconButton({ icon, label, size = 20, className = "", children, ...rest }: IconButtonProps) {
  return (
    <button type="button" className={`${styles.iconButton} ${className}`} aria-label={label} title={label} {...rest}>
      {children ?? <Icon name={icon} size={size} />}
    </button>
  );
}
