//! The provider's images: what everybody can deploy.

use super::super::parts::{Moment, loaded};
use crate::ui::calls::images::list_public_images;
use crate::ui::components::*;
use crate::ui::paths;
use darkroom_core::domain::image::Kind as ImageKind;
use darkroom_core::domain::size::{self, MIB};
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{ImageChoice, PublicImages};
use leptos::prelude::*;
use leptos_meta::Title;

/// The page *Public images*.
#[component]
pub fn PublicImagesPage() -> impl IntoView {
    view! {
        <Title text="Public images · darkroom"/>
        {loaded(list_public_images(), |images| view! { <PublicView images/> }.into_any())}
    }
}

#[component]
fn PublicView(images: PublicImages) -> impl IntoView {
    let line =
        format!("Images of your provider in {}. They cost nothing until you deploy one.", images.region);
    let body = if images.images.is_empty() {
        let title = format!("No public images in {} yet", images.region);
        view! { <EmptyState icon=IconName::Image title><p>"Your provider offers none in this region. Switch to another region, or ask for one."</p></EmptyState> }
            .into_any()
    } else {
        view! { <PublicTable images/> }.into_any()
    };
    view! {
        <PageHead title="Public images">
            <p class="soft">{line}</p>
            <PageActions slot>
                <LinkButton href=paths::IMAGES_PUBLIC_CSV size=Size::Form icon=IconName::Export>"Export list"</LinkButton>
            </PageActions>
        </PageHead>
        <Tabs label="Images" tabs=super::tabs() current=paths::IMAGES_PUBLIC/>
        <Frame>{body}</Frame>
    }
}

#[component]
fn PublicTable(images: PublicImages) -> impl IntoView {
    let caption = format!("Public images in {}", images.region);
    let columns = vec![
        Column::text("Name"),
        Column::text("System"),
        Column::number("Size"),
        Column::text("Needs").low(),
        Column::text("Created").low(),
        Column::actions(),
    ];
    let (now, may_deploy) = (images.now, images.may_deploy);
    let rows = images
        .images
        .into_iter()
        .map(|image| view! { <PublicLine image now may_deploy/> }.into_any())
        .collect_view();
    view! { <Table caption columns>{rows}</Table> }
}

#[component]
fn PublicLine(image: ImageChoice, now: Timestamp, may_deploy: bool) -> impl IntoView {
    let deploy = may_deploy
        .then(|| view! { <LinkButton href=paths::instance_new_from(image.id) variant=Variant::Quiet>"Deploy"</LinkButton> });
    let system = if image.os.is_empty() { "Not known".to_owned() } else { image.os.clone() };
    let needs = needs(&image);
    let kind = (image.kind != ImageKind::System).then(|| view! { <Tag label=image.kind.word()/> });
    view! {
        <Row>
            <NameCell name=image.name.to_string() href=paths::image(image.id)>{kind}</NameCell>
            <Cell label="System">{system}</Cell>
            <Cell label="Size" kind=Kind::Number>{size::binary(image.virtual_bytes)}</Cell>
            <Cell label="Needs" rank=Rank::Low>{needs}</Cell>
            <Cell label="Created" kind=Kind::Short rank=Rank::Low><Moment at=image.created now/></Cell>
            <ActionsCell>{deploy}</ActionsCell>
        </Row>
    }
}

/// What a machine must have: `1 GiB disk, 256 MiB memory or more`.
fn needs(image: &ImageChoice) -> String {
    let disk = format!("{} disk", size::binary(image.min_disk_bytes));
    match image.min_memory_mib {
        0 => format!("{disk} or more"),
        mib => format!("{disk}, {} memory or more", size::binary(mib.saturating_mul(MIB))),
    }
}
