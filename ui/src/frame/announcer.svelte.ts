/** What screen readers say by themselves: states politely, failures at once. */
export class Announcer {
  polite = $state("");
  assertive = $state("");

  say(text: string): void {
    this.polite = text;
  }

  warn(text: string): void {
    this.assertive = text;
  }
}
