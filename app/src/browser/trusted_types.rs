//! Trusted Types (W3C): in these pages no text becomes a script or a script's address, and none becomes markup but the framework's. It
//! makes what never changes of a view from a text that is a part of this program, by a template's `innerHTML`.

use js_sys::{Object, Reflect, RegExp};
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    type PolicyFactory;
    #[wasm_bindgen(method, js_name = createPolicy, catch)]
    fn create_policy(this: &PolicyFactory, name: &str, rules: &Object) -> Result<JsValue, JsValue>;
}

/// What runs or loads something, or changes how the rest is read. No view has it where nothing changes.
const FORBIDDEN: &str = "<(script|style|link|meta|base|iframe|frame|object|embed)|<[^>]*[\\s\"'/]on\\w+\\s*=|srcdoc|javascript:";

/// Lets the framework's markup through, and nothing else. The page's policy allows this one rule, and no second one.
pub fn admit_templates() {
    let factory = Reflect::get(&js_sys::global(), &"trustedTypes".into()).unwrap_or_default();
    if !factory.is_object() {
        // This browser doesn't know them, and asks nobody.
        return;
    }
    let forbidden = RegExp::new(FORBIDDEN, "i");
    let admit = Closure::<dyn Fn(String) -> Option<String>>::new(move |html: String| (!forbidden.test(&html)).then_some(html));
    let rules = Object::new();
    if Reflect::set(&rules, &"createHTML".into(), admit.as_ref()).is_ok()
        && factory.unchecked_ref::<PolicyFactory>().create_policy("default", &rules).is_ok()
    {
        // For as long as the page is there.
        admit.forget();
    }
}
