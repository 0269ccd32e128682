// SPDX-License-Identifier: Apache-2.0
import { Avatar } from "./Avatar.tsx";

export const stories = {
  person: () => <Avatar id="@camille:gouv.fr" name="Camille Durand" mxc={null} size={40} />,
  room: () => <Avatar id="!salon:gouv.fr" name="Préfecture — astreinte" mxc={null} size={40} square />,
  nameless: () => <Avatar id="" name="" mxc={null} size={40} />,
};
