//! Reading a QR code with the camera, where the browser has a detector of its own (Barcode Detection API); web-sys has it
//! behind an unstable flag, so it is bound here in a few lines.

use js_sys::{Array, Object, Promise, Reflect};
use std::cell::Cell;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlVideoElement, MediaStream, MediaStreamConstraints, MediaStreamTrack};

#[wasm_bindgen]
extern "C" {
    type BarcodeDetector;
    #[wasm_bindgen(constructor, catch)]
    fn new(options: &JsValue) -> Result<BarcodeDetector, JsValue>;
    #[wasm_bindgen(static_method_of = BarcodeDetector, js_name = getSupportedFormats, catch)]
    fn supported_formats() -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn detect(this: &BarcodeDetector, image: &HtmlVideoElement) -> Result<Promise, JsValue>;
}

/// Between two looks at the picture, in milliseconds.
const PAUSE: i32 = 150;

thread_local! {
    /// Which scan goes on; another number ends it.
    static CURRENT: Cell<u32> = const { Cell::new(0) };
}

/// A scan that goes on until a code is found or it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan(u32);

/// Whether this browser has a camera's interface and reads QR codes.
pub async fn can_scan() -> bool {
    let has = |name: &str| Reflect::has(&js_sys::global(), &name.into()).unwrap_or(false);
    if !has("BarcodeDetector") || media_devices().is_none() {
        return false;
    }
    let Ok(promise) = BarcodeDetector::supported_formats() else { return false };
    let Ok(formats) = JsFuture::from(promise).await else { return false };
    Array::from(&formats).includes(&"qr_code".into(), 0)
}

impl Scan {
    /// Begins one, and ends the one that went on.
    pub fn begin() -> Self {
        CURRENT.with(|current| current.set(current.get().wrapping_add(1)));
        Self(CURRENT.get())
    }

    /// Ends it.
    pub fn stop(self) {
        if self.goes_on() {
            CURRENT.set(self.0.wrapping_add(1));
        }
    }

    fn goes_on(self) -> bool {
        CURRENT.get() == self.0
    }

    /// Shows what the camera sees, until there is a QR code in it; nothing, when it was stopped. The camera is off afterwards.
    ///
    /// # Errors
    /// A sentence, when the camera can't be used.
    pub async fn read(self, video: &HtmlVideoElement) -> Result<Option<String>, String> {
        let stream = camera()
            .await
            .map_err(|error| format!("The camera can't be used here ({}). Type the code, or paste it.", super::describe(&error)))?;
        let found = self.look(&stream, video).await;
        for track in stream.get_tracks() {
            track.unchecked_into::<MediaStreamTrack>().stop();
        }
        video.set_src_object(None);
        found.map_err(|error| format!("The camera's picture can't be read ({}). Type the code, or paste it.", super::describe(&error)))
    }

    async fn look(self, stream: &MediaStream, video: &HtmlVideoElement) -> Result<Option<String>, JsValue> {
        video.set_src_object(Some(stream));
        JsFuture::from(video.play()?).await?;
        let options = Object::new();
        Reflect::set(&options, &"formats".into(), &Array::of1(&"qr_code".into()))?;
        let detector = BarcodeDetector::new(&options)?;
        while self.goes_on() {
            let found = Array::from(&JsFuture::from(detector.detect(video)?).await?);
            if let Some(text) = Reflect::get(&found.get(0), &"rawValue".into()).ok().and_then(|text| text.as_string()) {
                return Ok(Some(text));
            }
            pause().await?;
        }
        Ok(None)
    }
}

async fn pause() -> Result<(), JsValue> {
    let window = web_sys::window().ok_or("no window")?;
    let promise = Promise::new(&mut |resolve, reject| {
        if let Err(error) = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, PAUSE) {
            // A promise takes whatever it is told.
            let _ = reject.call1(&JsValue::UNDEFINED, &error);
        }
    });
    JsFuture::from(promise).await.map(|_| ())
}

fn media_devices() -> Option<web_sys::MediaDevices> {
    web_sys::window()?.navigator().media_devices().ok().filter(|devices| devices.is_object())
}

async fn camera() -> Result<MediaStream, JsValue> {
    let devices = media_devices().ok_or("no camera")?;
    let wanted = Object::new();
    // The one on the back, where there are two.
    Reflect::set(&wanted, &"facingMode".into(), &"environment".into())?;
    let constraints = MediaStreamConstraints::new();
    constraints.set_video(&wanted);
    Ok(JsFuture::from(devices.get_user_media_with_constraints(&constraints)?).await?.unchecked_into())
}
