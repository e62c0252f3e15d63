import { expect, type Browser, type Locator, type Page } from "@playwright/test";
import jsQR from "jsqr";
import { PNG } from "pngjs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { rememberSecret } from "./secrets.ts";

/** Seven groups of five symbols of Crockford's base32; in each group the last one checks the others. */
const CODE = /[0-9A-HJKMNP-TV-Z]{5}(?:-[0-9A-HJKMNP-TV-Z]{5}){6}/;

/** The recovery code as the page shows it, its groups joined by hyphens. */
export async function readKitCode(page: Page): Promise<string> {
  const groups = page.getByRole("list", { name: "Recovery code" }).getByRole("listitem");
  await expect(groups).toHaveCount(7);
  const code = (await groups.allInnerTexts()).map((text) => text.replace(/[^0-9A-Za-z]/g, "")).join("-");
  expect(findKitCode(code), "the code on the page").toBe(code);
  rememberSecret("kit", code);
  return code;
}

/** How a code may look in the text of a PDF: between its groups there are hyphens, line ends, or the groups' numbers. */
export function anySpelling(code: string): RegExp {
  return new RegExp(code.split("-").join("[\\s\\S]{0,8}?"));
}

/** The first recovery code in a text, in its plain spelling. */
export function findKitCode(text: string): string | undefined {
  return CODE.exec(text)?.[0];
}

/** The two fields that ask for a group, with the number of the group that each asks for. */
export async function groupFields(page: Page): Promise<{ field: Locator; number: number }[]> {
  const fields = page.getByRole("textbox", { name: /Group \d/ });
  await expect(fields).toHaveCount(2);
  return Promise.all(
    [0, 1].map(async (index) => {
      const field = fields.nth(index);
      const label = await field.evaluate((element: HTMLInputElement) => element.labels?.[0]?.textContent ?? element.getAttribute("aria-label") ?? "");
      const number = Number(/Group (\d)/.exec(label)?.[1]);
      expect(number, `a group's number in "${label}"`).toBeGreaterThanOrEqual(1);
      expect(number, `a group's number in "${label}"`).toBeLessThanOrEqual(7);
      return { field, number };
    }),
  );
}

/** Group `number` (the first is 1) of a code. */
export function group(code: string, number: number): string {
  const found = code.split("-")[number - 1];
  if (found === undefined) throw new Error(`no group ${number} in ${code}`);
  return found;
}

/** The same group with one symbol changed. */
export function misread(text: string): string {
  return (text.startsWith("7") ? "8" : "7") + text.slice(1);
}

// The package is CommonJS: its default export is a property of what some loaders give as the default export.
const decode = (jsQR as unknown as { default?: typeof jsQR }).default ?? jsQR;

/** What a QR code in an image says; only dark on light counts, as most scanners need it. */
export function readQr(png: Buffer): string | undefined {
  const image = PNG.sync.read(png);
  return decode(new Uint8ClampedArray(image.data), image.width, image.height, { inversionAttempts: "dontInvert" })?.data;
}

/** Whether the paper shows in all four corners of a page. */
export function cornersAreWhite(png: Buffer): boolean {
  const { data, width, height } = PNG.sync.read(png);
  const inset = 10;
  return [inset, width - inset].every((x) =>
    [inset, height - inset].every((y) => [0, 1, 2].every((channel) => (data[(y * width + x) * 4 + channel] ?? 0) > 250)),
  );
}

/** One page of a printed document. */
export interface PrintedPage {
  readonly text: string;
  readonly image: Buffer;
}

const require = createRequire(import.meta.url);

/** Renders a PDF as paper would show it, with pdf.js inside the browser that is there anyway. */
export async function renderPdf(browser: Browser, pdf: Buffer): Promise<readonly PrintedPage[]> {
  const context = await browser.newContext();
  try {
    const files = new Map([
      ["/", { contentType: "text/html", body: Buffer.from("<!doctype html><title>pdf</title>") }],
      ["/paper.pdf", { contentType: "application/pdf", body: pdf }],
      ["/pdf.mjs", { contentType: "text/javascript", body: await readFile(require.resolve("pdfjs-dist/legacy/build/pdf.mjs")) }],
      ["/pdf.worker.mjs", { contentType: "text/javascript", body: await readFile(require.resolve("pdfjs-dist/legacy/build/pdf.worker.mjs")) }],
    ]);
    await context.route("**/*", async (route) => {
      const file = files.get(new URL(route.request().url()).pathname);
      await (file === undefined ? route.fulfill({ status: 404 }) : route.fulfill(file));
    });
    const page = await context.newPage();
    await page.goto("http://pdf.localhost/");
    const pages = await page.evaluate(renderInBrowser);
    return pages.map(({ text, image }) => ({ text, image: Buffer.from(image.slice(image.indexOf(",") + 1), "base64") }));
  } finally {
    await context.close();
  }
}

async function renderInBrowser(): Promise<{ text: string; image: string }[]> {
  interface PdfPage {
    getViewport(options: { scale: number }): { width: number; height: number };
    getTextContent(): Promise<{ items: { str?: string; hasEOL?: boolean }[] }>;
    render(options: { canvas: HTMLCanvasElement; viewport: unknown }): { promise: Promise<void> };
  }
  interface PdfJs {
    getDocument(options: { url: string }): { promise: Promise<{ numPages: number; getPage(number: number): Promise<PdfPage> }> };
  }
  const load = (path: string): Promise<unknown> => import(path);
  Object.assign(globalThis, { pdfjsWorker: await load("/pdf.worker.mjs") });
  const pdfjs = (await load("/pdf.mjs")) as PdfJs;
  const paper = await pdfjs.getDocument({ url: "/paper.pdf" }).promise;
  const pages: { text: string; image: string }[] = [];
  for (let number = 1; number <= paper.numPages; number += 1) {
    const page = await paper.getPage(number);
    const viewport = page.getViewport({ scale: 3 });
    const canvas = document.createElement("canvas");
    canvas.width = viewport.width;
    canvas.height = viewport.height;
    await page.render({ canvas, viewport }).promise;
    const { items } = await page.getTextContent();
    pages.push({
      text: items.map((item) => (item.str ?? "") + (item.hasEOL === true ? "\n" : "")).join(""),
      image: canvas.toDataURL("image/png"),
    });
  }
  return pages;
}
