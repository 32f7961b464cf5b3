// Cuts Markdown that is still being written into blocks, so that what is finished is not read again with every token.

/**
 * Cuts at empty lines outside fenced code. Joined with `\n` they are `text` again, and more text only ever changes the last
 * block or adds to the list.
 */
export function blocks(text: string): string[] {
  const found: string[] = [];
  let block: string[] = [];
  let fence = "";
  for (const line of text.split("\n")) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? "";
    if (fence === "") fence = mark;
    else if (mark.startsWith(fence) && line.trim() === mark) fence = "";
    // An indented line belongs to the list item before it.
    const begins = block.at(-1)?.trim() === "" && fence === mark && line.trim() !== "" && !/^\s/.test(line);
    if (begins) {
      found.push(block.join("\n"));
      block = [];
    }
    block.push(line);
  }
  found.push(block.join("\n"));
  return found;
}
