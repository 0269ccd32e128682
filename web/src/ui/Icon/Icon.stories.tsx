// SPDX-License-Identifier: Apache-2.0
import { Icon } from "./Icon.tsx";

export const stories = { lock: () => <Icon name="lock" />, send: () => <Icon name="send" size={32} /> };
