// SPDX-License-Identifier: Apache-2.0
/** Which files come with what is dropped or pasted. */

/** Files alone: a folder looks like one, and cannot be read. */
export function droppedFiles({ items, files }: Pick<DataTransfer, "items" | "files">): readonly File[] {
  const entries = [...items].filter((item) => item.kind === "file");
  if (entries.length === 0) return [...files];
  return entries.flatMap((item) => {
    const file = item.webkitGetAsEntry()?.isDirectory ? null : item.getAsFile();
    return file ? [file] : [];
  });
}

/** What browsers call a picture that was copied and not a file. */
const UNNAMED = /^image\.(\w+)$/;

/**
 * None where words were copied from a document: office programs add a picture of them. Pictures
 * without a name of their own are named after the moment.
 */
export function pastedFiles(data: Pick<DataTransfer, "types" | "files" | "getData">, now: Date): readonly File[] {
  if (data.types.includes("text/html") && data.getData("text/plain").trim() !== "") return [];
  const moment = new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "");
  return [...data.files].map((file) => {
    const [, ending] = UNNAMED.exec(file.name) ?? [];
    return ending === undefined ? file : new File([file], `image-${moment}.${ending}`, { type: file.type });
  });
}
