// Which page is shown, and how that is written behind the # of the address.

export type Page =
  /** The list, and beside it, where there is room, the configuration that matters most. */
  | { kind: "home" }
  | { kind: "configuration"; id: string }
  | { kind: "edit"; id: string }
  | { kind: "onDemand"; id: string }
  | { kind: "share"; id: string }
  | { kind: "create" }
  | { kind: "import" }
  | { kind: "settings" }
  | { kind: "logs" }
  | { kind: "diagnosis" }
  | { kind: "about" };

export function pageOf(hash: string): Page {
  const [kind, id] = hash.replace(/^#?\/?/, "").split("/");
  switch (kind) {
    case "create":
    case "import":
    case "settings":
    case "logs":
    case "diagnosis":
    case "about":
      return { kind };
    case "configuration":
    case "edit":
    case "onDemand":
    case "share":
      return id ? { kind, id: decodeURIComponent(id) } : { kind: "home" };
    default:
      return { kind: "home" };
  }
}

export function hashOf(page: Page): string {
  if (page.kind === "home") return "#/";
  return "id" in page ? `#/${page.kind}/${encodeURIComponent(page.id)}` : `#/${page.kind}`;
}

/** Where Esc and the back button lead. */
export function parentOf(page: Page): Page {
  switch (page.kind) {
    case "edit":
    case "onDemand":
    case "share":
      return { kind: "configuration", id: page.id };
    case "about":
      return { kind: "settings" };
    case "diagnosis":
      return { kind: "logs" };
    case "home":
    case "configuration":
    case "create":
    case "import":
    case "settings":
    case "logs":
      return { kind: "home" };
  }
}
