//! Pages about machines.
use leptos::prelude::*;
#[component] pub fn InstancesPage() -> impl IntoView {}
#[component] pub fn NewInstancePage() -> impl IntoView {}
#[component] pub fn InstancePage() -> impl IntoView {}
#[component] pub fn CaptureImagePage() -> impl IntoView {}
#[component] pub fn DeleteInstancePage() -> impl IntoView {}
#[component] pub fn ConsolePage() -> impl IntoView {}
