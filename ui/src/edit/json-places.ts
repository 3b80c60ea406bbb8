// Where in a text of JSON each of its values stands.

import { jsonLanguage } from "@codemirror/lang-json";

import type { Step } from "./path";
import { inWords } from "./path";

type Node = ReturnType<typeof jsonLanguage.parser.parse>["topNode"];

/** The line of each value, from 1, by its place: `peers[0].endpoint`. */
export function linesOfPlaces(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const root = jsonLanguage.parser.parse(text).topNode.firstChild;
  if (root) visit(root, [], text, lines);
  return lines;
}

/** The line of a value, or of what it would stand in. */
export function lineOfPlace(place: string, lines: ReadonlyMap<string, number>): number | undefined {
  for (let at = place; at !== ""; at = at.replace(/(\.[^.[]+|\[\d+\]|^[^.[]+)$/, "")) {
    const line = lines.get(at);
    if (line !== undefined) return line;
  }
  return lines.get("");
}

function visit(node: Node, steps: Step[], text: string, lines: Map<string, number>): void {
  lines.set(inWords(steps), text.slice(0, node.from).split("\n").length);
  if (node.name === "Array") childrenOf(node).forEach((item, index) => visit(item, [...steps, index], text, lines));
  if (node.name !== "Object") return;
  for (const property of node.getChildren("Property")) {
    const [name, value] = [property.getChild("PropertyName"), property.lastChild];
    if (!name || !value || value.name === "PropertyName") continue;
    visit(value, [...steps, String(JSON.parse(text.slice(name.from, name.to)))], text, lines);
  }
}

/** The values of a list, without its brackets and commas. */
function childrenOf(list: Node): Node[] {
  const items: Node[] = [];
  for (let child = list.firstChild; child; child = child.nextSibling) if (/^[A-Z]/.test(child.name)) items.push(child);
  return items;
}
