import { HtmlValidate, StaticConfigLoader } from "html-validate";

const validator = new HtmlValidate(
  new StaticConfigLoader({
    extends: ["html-validate:standard", "html-validate:a11y", "html-validate:document"],
    rules: {
      // For files of other sites. These are the server's own, and it could send another hash as well as another file.
      "require-sri": "off",
    },
  }),
);

/** What it says of pages that are right as they are: docs/scanners.md tells why. */
const ACCEPTED: readonly { readonly rule: string; readonly message: RegExp }[] = [
  // Leptos writes the nonce where `anonymous` belongs; browsers take any other value for that.
  { rule: "attribute-allowed-values", message: /^Attribute "crossorigin" has invalid value/ },
  // On phones tables are laid out as blocks, and browsers then forget that they were tables, unless their roles say so.
  { rule: "no-redundant-role", message: /^Redundant role "(?:table|rowgroup|row|columnheader|rowheader|cell)" on <(?:table|thead|tbody|tr|th|td)>$/ },
];

/** What is wrong with a document by HTML's standard, short enough to read in a terminal. */
export async function faultsOf(html: string): Promise<string[]> {
  // Leptos marks places by `<!>`. Every browser reads it as an empty comment; this parser doesn't know it.
  const { results } = await validator.validateString(html.replaceAll("<!>", "<!---->"));
  return results
    .flatMap(({ messages }) => messages)
    .filter(({ ruleId, message }) => !ACCEPTED.some((accepted) => accepted.rule === ruleId && accepted.message.test(message)))
    .map(({ line, column, ruleId, message, selector }) => `${line}:${column} ${ruleId}: ${message} (${selector ?? ""})`);
}
