// SPDX-License-Identifier: Apache-2.0
/**
 * A one-page PDF with the recovery code, written by hand (ISO 32000-1): the code never leaves the
 * browser, and no library is loaded for one page.
 */
interface Line { readonly text: string; readonly size: number; readonly font: "F1" | "F2" | "F3" }

/** Characters outside WinAnsi become "?"; French letters are all inside. */
function encode(text: string): string {
  const special: Readonly<Record<string, string>> = { "’": "\\222", "œ": "\\234", "Œ": "\\214", "–": "\\226", "…": "\\205" };
  return [...text].map((char) => {
    const code = char.charCodeAt(0);
    if (special[char]) return special[char];
    if (char === "(" || char === ")" || char === "\\") return `\\${char}`;
    if (code === 0x202f || code === 0xa0) return " ";
    if (code < 128) return char;
    return code < 256 ? `\\${code.toString(8).padStart(3, "0")}` : "?";
  }).join("");
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && line.length + word.length + 1 > width) { lines.push(line); line = word; }
    else line = line ? `${line} ${word}` : word;
  }
  return line ? [...lines, line] : lines;
}

export function recoveryPdf(words: { title: string; account: string; date: string; help: string }, code: string): Blob {
  const lines: readonly Line[] = [
    { text: words.title, size: 20, font: "F2" },
    { text: words.account, size: 12, font: "F1" },
    { text: words.date, size: 12, font: "F1" },
    { text: "", size: 12, font: "F1" },
    ...wrap(code, 29).map((text): Line => ({ text, size: 18, font: "F3" })),
    { text: "", size: 12, font: "F1" },
    ...wrap(words.help, 80).map((text): Line => ({ text, size: 11, font: "F1" })),
  ];
  let y = 780;
  const drawn = lines.map((line) => {
    y -= line.size * 1.6;
    return `BT /${line.font} ${line.size} Tf 56 ${y.toFixed(1)} Td (${encode(line.text)}) Tj ET`;
  }).join("\n");
  const font = (name: string): string => `<< /Type /Font /Subtype /Type1 /BaseFont /${name} /Encoding /WinAnsiEncoding >>`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R /F2 6 0 R /F3 7 0 R >> >> >>",
    `<< /Length ${drawn.length} >>\nstream\n${drawn}\nendstream`,
    font("Helvetica"), font("Helvetica-Bold"), font("Courier-Bold"),
  ];
  let body = "%PDF-1.4\n";
  const offsets = objects.map((object, index) => {
    const offset = body.length;
    body += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const start = body.length;
  const table = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  body += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer << /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return new Blob([body], { type: "application/pdf" });
}
