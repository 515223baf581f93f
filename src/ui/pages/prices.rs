//! The provider's page *Prices* of a region: the versions with what changed, new prices from a day on, and taking back what was announced.

use super::Refusal;
use super::parts::loaded;
use crate::ui::calls::quotas::{SetPrices, WithdrawPrices, get_prices};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::PricesForm;
use darkroom_core::domain::price::Basis;
use darkroom_core::domain::view::{BookRow, BookState, PricesPage};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

/// The page *Prices*.
#[component]
pub fn RegionPricesPage() -> impl IntoView {
    let refused = use_form();
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    let data = async move { Ok((get_prices(id).await?, refused.error().await)) };
    loaded(data, |(page, error)| view! { <Refusal error/><PricesView page/> }.into_any())
}

/// The page with the dialog for new prices on top.
#[component]
pub fn NewPricesPage() -> impl IntoView {
    let refused = use_form();
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    let data = async move {
        let page = get_prices(id).await?;
        let fresh = page.form.clone();
        Ok((page, refused.state(fresh).await))
    };
    loaded(data, |(page, state)| {
        view! { <PricesView page=page.clone()/><PricesDialog page state/> }.into_any()
    })
}

#[component]
fn PricesView(page: PricesPage) -> impl IntoView {
    let title = format!("Prices of {}", page.region);
    let (prices, region) = (page.prices.clone(), page.region.clone());
    let (symbol, stored) = (prices.symbol.clone(), prices.per_month());
    let month = prices.month.words();
    let basis = format!("Images are charged by {}.", prices.basis.words());
    let mut facts = vec![
        ("Images".to_owned(), format!("{} per {stored}", prices.image_gb_month.exact(&symbol))),
        ("Recycle bin".to_owned(), format!("{} per {stored}", prices.bin_gb_month.exact(&symbol))),
        ("Snapshots".to_owned(), format!("{} per {stored}", prices.snapshot_gb_month.exact(&symbol))),
        (
            "Snapshot service".to_owned(),
            format!("{} per month", prices.snapshot_service_month.exact(&symbol)),
        ),
        ("Transfer".to_owned(), format!("{} per {}", prices.transfer_gb.exact(&symbol), prices.unit.word())),
    ];
    let disk = |(kind, price): (_, &darkroom_core::domain::money::Money)| {
        (format!("{kind} disks"), format!("{} per {stored}", price.exact(&symbol)))
    };
    facts.extend(prices.disk_gb_month.iter().map(disk));
    let hourly = |name: String, price: &darkroom_core::domain::money::Money| {
        (name, format!("{} per hour", price.exact(&symbol)))
    };
    facts.extend(prices.flavor_hour.iter().map(|(id, price)| hourly(id.to_string(), price)));
    facts.extend(prices.licence_hour.iter().map(|(name, price)| hourly(format!("Licence {name}"), price)));
    let facts = facts.into_iter().map(|(term, value)| view! { <Fact term>{value}</Fact> }).collect_view();
    let columns = vec![
        Column::number("Version"),
        Column::text("From"),
        Column::text("Status"),
        Column::text("What changed"),
        Column::actions(),
    ];
    let rows = page
        .books
        .into_iter()
        .map(|book| {
            let region = region.to_string();
            view! { <BookLine book region/> }
        })
        .collect_view();
    let new = paths::region_prices_new(&page.region);
    view! {
        <Title text=format!("{title} · darkroom")/>
        <PageHead title=title>
            <p class="soft">{basis}" "{month}</p>
            <PageActions slot>
                <LinkButton href=paths::REGIONS size=Size::Form>"All regions"</LinkButton>
                <LinkButton href=new size=Size::Form variant=Variant::Primary>"New prices"</LinkButton>
            </PageActions>
        </PageHead>
        <Section id="now" title="In force now"><Facts>{facts}</Facts></Section>
        <Section id="versions" title="Versions">
            <Frame><Table caption="Versions of the prices" columns>{rows}</Table></Frame>
        </Section>
    }
}

#[component]
fn BookLine(book: BookRow, region: String) -> impl IntoView {
    let state = match book.state {
        BookState::Announced => view! { <Status tone=Tone::Run word="Announced"/> }.into_any(),
        BookState::InForce => view! { <Status tone=Tone::Good word="In force"/> }.into_any(),
        BookState::Past => view! { <Status tone=Tone::Plain icon=IconName::Off word="Past"/> }.into_any(),
        BookState::Withdrawn => {
            view! { <Status tone=Tone::Plain icon=IconName::Close word="Withdrawn"/> }.into_any()
        }
    };
    let withdraw = (book.state == BookState::Announced).then(|| {
        view! {
            <PostForm to=WithdrawPrices::url()>
                <input type="hidden" name="region" value=region/>
                <input type="hidden" name="version" value=book.version.to_string()/>
                <Button variant=Variant::Quiet>"Withdraw"<span class="visually-hidden">{format!(" version {}", book.version)}</span></Button>
            </PostForm>
        }
    });
    let changes =
        if book.changes.is_empty() { "The first prices".to_owned() } else { book.changes.join("; ") };
    view! {
        <Row>
            <NameCell name=format!("Version {}", book.version)/>
            <Cell label="From" kind=Kind::Short><Time datetime=book.from.rfc3339() text=book.from.minute()/></Cell>
            <StateCell>{state}</StateCell>
            <Cell label="What changed">{changes}</Cell>
            <ActionsCell look=ActionsLook::Below>{withdraw}</ActionsCell>
        </Row>
    }
}

#[component]
fn PricesDialog(page: PricesPage, state: FormState<PricesForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let close = paths::region_prices(&page.region);
    let close_href = close.clone();
    let title = format!("New prices of {}", page.region);
    let stored = page.prices.per_month();
    let at = |field: &str| error_at(error.as_ref(), field);
    let price = |id: String, name: String, label: String, value: String, need: Need| {
        let error = at(&id);
        view! { <Field id=format!("price-{id}") name label value error need autocomplete="off"/> }
    };
    let rates = [
        ("image", format!("Images, per {stored}"), form.image.clone()),
        ("bin", format!("Recycle bin, per {stored}"), form.bin.clone()),
        ("snapshot", format!("Snapshots, per {stored}"), form.snapshot.clone()),
        ("service", "Snapshot service, per month".to_owned(), form.service.clone()),
        (
            "transfer",
            format!("Transfer to another region, per {}", page.prices.unit.word()),
            form.transfer.clone(),
        ),
    ];
    let rates = rates.map(|(id, label, value)| {
        price(id.to_owned(), format!("form[{id}]"), label, value, Need::Required).into_any()
    });
    let disks = form.disks.iter().map(|(kind, value)| {
        let label = format!("{kind} disks, per {stored}");
        price(format!("disk-{kind}"), format!("form[disks][{kind}]"), label, value.clone(), Need::Optional)
            .into_any()
    });
    let flavors = form.flavors.iter().map(|(id, value)| {
        let label = format!("{id}, per hour");
        price(format!("flavor-{id}"), format!("form[flavors][{id}]"), label, value.clone(), Need::Optional)
            .into_any()
    });
    let more = disks.chain(flavors).collect_view();
    let basis = Basis::ALL
        .map(|basis| Choice::new(basis.slug(), basis.words(), Pick::when(basis.slug() == form.basis)));
    let (wrong_basis, wrong_from, wrong_licences) = (at("basis"), at("from"), at("licences"));
    let sub = "What was charged before stays. Forms that show older prices are refused once and show these.";
    view! {
        <Dialog id="new-prices" title sub close_href>
            <PostForm to=SetPrices::url()>
                <input type="hidden" name="form[region]" value=form.region/>
                <input type="hidden" name="form[shown]" value=form.shown.to_string()/>
                <DialogBody>
                    <Refusal error=error.clone()/>
                    <div class="halves">
                        <Field id="price-from" name="form[from]" label="From day" kind=FieldKind::Day value=form.from error=wrong_from need=Need::Optional hint="UTC. Empty: from now on."/>
                        <Select id="price-basis" name="form[basis]" label="Images are charged by" choices=basis.to_vec() error=wrong_basis/>
                        {rates.into_iter().collect_view()}
                        {more}
                    </div>
                    <Field id="price-licences" name="form[licences]" label="Market licences, per hour" kind=FieldKind::Area value=form.licences error=wrong_licences need=Need::Optional hint="A line each: the licence as its images name it, and the price."/>
                </DialogBody>
                <DialogFoot>
                    <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                    <Button variant=Variant::Primary size=Size::Form>"Set prices"</Button>
                </DialogFoot>
            </PostForm>
        </Dialog>
    }
}
