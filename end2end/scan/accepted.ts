export type Scanner = "csp_evaluator" | "observatory" | "wapiti";

/** What a scanner says although it is right as it is. */
export interface Accepted {
  readonly scanner: Scanner;
  /** In which of its scans. */
  readonly where: RegExp;
  readonly finding: RegExp;
  readonly why: string;
}

/** Looked at one by one; docs/scanners.md has them as a table. Whatever else a scanner says fails `make scan`. */
export const ACCEPTED: readonly Accepted[] = [
  {
    scanner: "wapiti",
    where: /^signed (?:out|in)$/,
    finding: /^Cross Site Request Forgery \(csrf\): POST \/(?:rpc\/[a-z_]+|account) : Lack of anti CSRF token$/,
    why: "Instead of a token in each form, whatever a browser sends from another origin is refused (Sec-Fetch-Site, Origin), and the cookie is SameSite.",
  },
];
