// A browser with the web engine of the app, driven over WebDriver.

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

export class Browser {
  #session;
  #frame;

  /** @param {string} driver Address of a WebKitWebDriver. @param {string} binary The browser. */
  static async open(driver, binary, args = ["--automation"]) {
    const browserOptions = { binary, args };
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": browserOptions } };
    const { sessionId } = await call("POST", `${driver}/session`, { capabilities });
    const browser = new Browser();
    browser.#session = `${driver}/session/${sessionId}`;
    return browser;
  }

  async close() {
    await call("DELETE", this.#session);
  }

  async go(url) {
    this.#frame = undefined;
    await call("POST", `${this.#session}/url`, { url });
  }

  /** Opens a page in a frame of a size that is too small for the browser's own window. */
  async goFramed(url, width, height) {
    await this.go("about:blank");
    const frame = `<iframe src="${url}" width="${width}" height="${height}" style="border:0"></iframe>`;
    await this.run("document.body.style.margin = 0; document.body.innerHTML = arguments[0]", frame.replaceAll("&", "&amp;"));
    this.#frame = await call("POST", `${this.#session}/element`, { using: "css selector", value: "iframe" });
    await call("POST", `${this.#session}/frame`, { id: this.#frame });
  }

  /** Makes the page itself this large, whatever the browser has around it. */
  async resize(width, height) {
    const outer = await call("GET", `${this.#session}/window/rect`);
    const inner = await this.run("return [innerWidth, innerHeight]");
    const rect = { width: outer.width - inner[0] + width, height: outer.height - inner[1] + height };
    await call("POST", `${this.#session}/window/rect`, rect);
    await this.until(`return innerWidth === ${width} && innerHeight === ${height}`);
  }

  /** Runs a function body in the page and has what it returns. */
  async run(script, ...args) {
    return call("POST", `${this.#session}/execute/sync`, { script, args });
  }

  /** The same, and waits for what it promises. */
  async runAsync(script, ...args) {
    const body = `const done = arguments[arguments.length - 1];
      (async () => { ${script} })().then(done, (error) => done({ error: String(error) }));`;
    return call("POST", `${this.#session}/execute/async`, { script: body, args });
  }

  /** Waits until a function body returns something true. */
  async until(script) {
    const end = Date.now() + 10_000;
    while (!(await this.run(script))) {
      if (Date.now() > end) throw new Error(`This never came true: ${script}`);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }

  /** Presses keys one after the other; `modifiers` are held meanwhile. */
  async press(keys, modifiers = []) {
    const down = (value) => ({ type: "keyDown", value });
    const up = (value) => ({ type: "keyUp", value });
    const actions = [
      ...modifiers.map(down),
      ...keys.flatMap((key) => [down(key), up(key)]),
      ...modifiers.toReversed().map(up),
    ];
    await call("POST", `${this.#session}/actions`, { actions: [{ type: "key", id: "keyboard", actions }] });
  }

  async click(selector) {
    const element = await call("POST", `${this.#session}/element`, { using: "css selector", value: selector });
    await call("POST", `${this.#session}/element/${element[ELEMENT]}/click`, {});
  }

  /** @returns {Promise<Buffer>} A PNG of the page. */
  async photograph() {
    if (!this.#frame) return Buffer.from(await call("GET", `${this.#session}/screenshot`), "base64");
    await call("POST", `${this.#session}/frame`, { id: null });
    const picture = await call("GET", `${this.#session}/element/${this.#frame[ELEMENT]}/screenshot`);
    await call("POST", `${this.#session}/frame`, { id: this.#frame });
    return Buffer.from(picture, "base64");
  }
}

/** The codes of WebDriver for keys without a character. */
export const KEY = {
  tab: "\uE004",
  enter: "\uE007",
  escape: "\uE00C",
  space: " ",
  shift: "\uE008",
  control: "\uE009",
  down: "\uE015",
};

async function call(method, url, body) {
  const response = await fetch(url, { method, ...(body && { body: JSON.stringify(body) }) });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${method} ${url}: ${value.error}: ${value.message}`);
  return value;
}
