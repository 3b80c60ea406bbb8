// How a file of wg-quick is coloured. What is right and wrong in it, the helper's parser says.

import { StreamLanguage, type StreamParser } from "@codemirror/language";

interface State {
  /** Behind the `=` of a line. */
  isValue: boolean;
}

const PARSER: StreamParser<State> = {
  name: "wg-quick",
  startState: () => ({ isValue: false }),
  token(stream, state) {
    if (stream.sol()) state.isValue = false;
    if (stream.eatSpace()) return null;
    if (stream.peek() === "#") {
      stream.skipToEnd();
      return "comment";
    }
    if (stream.sol() || !state.isValue) {
      if (stream.match(/^\[[^\]]*\]/)) return "heading";
      if (stream.match(/^[A-Za-z]+(?=\s*=)/)) return "propertyName";
      if (stream.eat("=")) {
        state.isValue = true;
        return "operator";
      }
    }
    if (stream.match(/^\(hidden\)/)) return "meta";
    if (stream.match(/^[A-Za-z0-9+/]{43}=/)) return "string";
    if (stream.match(/^\d[\d.]*(\/\d+)?(?=[\s,:]|$)/)) return "number";
    if (stream.match(/^[^\s,#]+/)) return "string";
    stream.next();
    return null;
  },
};

export const wgQuick = StreamLanguage.define(PARSER);
