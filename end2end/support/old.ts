/** For `addInitScript`: browsers that lack what the pages' program is made of. */

/** Lockdown modes switch it off. */
export function withoutWebAssembly(): void {
  Reflect.deleteProperty(globalThis, "WebAssembly");
}

/** Before 2018. Scripts that are modules aren't run there, which {@link withoutModuleScripts} sees to. */
export function withoutModules(): void {
  Reflect.deleteProperty(HTMLScriptElement.prototype, "noModule");
}

/** Before 2022. */
export function withoutDialogs(): void {
  Reflect.deleteProperty(globalThis, "HTMLDialogElement");
}

/** Takes the type from the scripts of a page that only modern browsers run: to old ones they are data. */
export function withoutModuleScripts(html: string): string {
  return html.replaceAll('<script type="module"', '<script type="text/x-module"');
}
