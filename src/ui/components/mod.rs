//! The house components: small views with typed props that make the HTML the style sheets in `style/` know. They
//! must not read resources, call the server or decide a rule; text comes formatted, lists come sorted, reasons
//! come from the core. Nothing here writes a `style` attribute or an inline event (the CSP forbids both), and
//! everything works without script; what script adds is in `ui/islands` and `ui/browser`.
//!
//! `use crate::ui::components::*;` brings all of them. Rules for all:
//! - strings convert (`label="Name"`); a prop that is already an `Option` is passed as `nostrip:hint=hint`;
//! - what an island changes while the page stands is a `Signal` and also takes a plain value (`error`, `headline`);
//! - further attributes and events go to the root element: `attr:name="x"`, `on:click=…`; on a `Field` or
//!   `Checkbox`, `on:input` and `on:change` reach the control because they bubble;
//! - `id` must be unique on the page; hint, error and title take their ids from it.
//!
//! ```text
//! Icon            <Icon name=IconName::Camera size=IconSize::Large/>
//! Button          <Button variant=Variant::Primary size=Size::Form icon=IconName::Camera>
//!                     "Create image"</Button>                              // Press::Plain: sends no form
//! LinkButton      <LinkButton href="/images/new" icon=IconName::Import>"Import"</LinkButton>
//! IconButton      <IconButton icon=IconName::Trash label="Delete web-v2 for good" variant=Variant::Quiet/>
//! IconLink        <IconLink icon=IconName::Left label="October" href="?month=2026-10"/>
//! Field           <Field id="n" name="name" label="Name" value=typed error=name_error max_length=128/>
//!                 kind: Text, Email, Password, Number, Area, Code, Fixed · need=Need::Optional
//! Select          <Select id="z" name="zone" label="Zone" choices=vec![Choice::new("a", "north-1a", Pick::Chosen)]/>
//!                 look=SelectLook::Bar in a toolbar
//! Checkbox        <CheckGroup legend="Include data disks"><Checkbox id="d1" name="disk" value="1" label="data-01"
//!                     pick=Pick::Blocked hint="Local disks cannot be captured."/></CheckGroup>
//! Frame           <Frame><FrameBar><form method="get"><SearchBox id="q" label="Search images"
//!                     placeholder="Name, source, ID or tag"/><FilterMenu id="f">…</FilterMenu></form>
//!                     <FilterChips chips/></FrameBar> table <Pager range previous next/></Frame>
//! Table           <Table caption="My Images" columns=vec![Column::pick(), Column::text("Name"),
//!                     Column::text("Created").low().sort("?sort=created", Some(Order::Descending)),
//!                     Column::number("Per month"), Column::actions()]> rows <TableFoot slot>…</TableFoot></Table>
//! Row             <Row><PickCell name="image" value=id label="Select web-v2"/><NameCell name="web-v2" href=url>tags
//!                     </NameCell><StateCell>status</StateCell><Cell label="Created" kind=Kind::Short rank=Rank::Low>
//!                     …</Cell><Cell label="Per month" kind=Kind::Number>…</Cell><ActionsCell>…</ActionsCell></Row>
//! SizePair        <SizePair virtual_size="40" stored_size="9.41 GB"/>
//! BulkBar         <Frame><form>table <BulkBar>buttons</BulkBar></form></Frame>      // shown and counted by CSS
//! Pager           <Pager range="1 to 25 of 10,000" previous=None next=Some(url)/>
//! Tabs            <Tabs label="Images" tabs=vec![Tab::new("My Images", url, TabNote::Count(23))] current=url/>
//! Crumbs          <Crumbs above=vec![Link::new("My Images", url)] here="web-v2"/>
//! Dialog          <Dialog id="del" title="Delete web-v2?" sub="Undo for 7 days." close_href=url><PostForm to=url>
//!                     <DialogBody>…</DialogBody><DialogFoot><PriceLine headline detail/><LinkButton href=url
//!                     size=Size::Form>"Keep it"</LinkButton><Button variant=Variant::Danger size=Size::Form>
//!                     "Delete image"</Button></DialogFoot></PostForm></Dialog>
//!                 anywhere in the page; the class of the form does not matter, but it is the only child
//! Notice          <Notice tone=Tone::Bad text="The copy stopped." urgency=Urgency::Alert>buttons</Notice>
//! Toasts          <Toasts>the flash of Shell</Toasts>
//! Status          <Status tone=Tone::Run word="Creating 62 %, 2 min left" percent=62/>
//!                 <Status tone=Tone::Bad word="Error" why="No space left in north-1 storage"/>
//! Progress        <Progress label="Loading" value=None/>                              // None: length unknown
//! TaskProgress    <TaskProgress label="Create web-v3" href=url left="2 min left" value=Some(62) figures="62 %"/>
//! Meter           <Meter label="Images" used=23 limit=50 used_text="23" limit_text="of 50" note="27 left."/>
//! EmptyState      <EmptyState icon=IconName::Camera title="No images yet"><p>"…"</p>
//!                     <EmptyActions slot><LinkButton href=url>"Choose an instance"</LinkButton></EmptyActions>
//!                     </EmptyState>
//! Time            <Time datetime="2026-11-18T14:02:00Z" text="18 Nov 2026, 14:02"/>
//! MoneyText       <MoneyText amount="€1.56" certainty=Certainty::Estimate/>
//! Facts           <Facts><Fact term="Region">"north-1"</Fact></Facts>
//! Tag             <Tag label="prod" href="/images?tag=prod" icon=IconName::Lock/>
//! Figure          <Figure value="€18.68" caption="so far"/>
//! Menu            <Menu id="m1" label="More actions for web-v2"><MenuLink href=url icon=IconName::Copy>"Copy"</MenuLink>
//!                     <MenuBlocked label="Share" why="Deprecated images cannot be shared"/><MenuLine/>
//!                     <MenuLink href=url icon=IconName::Trash tone=Tone::Bad>"Delete"</MenuLink></Menu>
//!                 <PostForm to=url><MenuAction icon=IconName::Power>"Stop"</MenuAction></PostForm> inside it
//! BlockedAction   <BlockedAction id="why" label="Create image" size=Size::Form reason=Reason { rule, now, ways_out }/>
//! Explain         <Explain reason/>                                                 // the same as part of the page
//! EffectsList     <EffectsList consequences=vec![Consequence { icon, tone, what, count, detail }]/>
//! PriceLine       <PriceLine headline="About €0.47 per month" detail="9.4 GB stored × €0.050."/>
//! PostForm        <PostForm to=DeleteImage::url()>hidden fields, a Button</PostForm>      // script sends it in place
//! PageHead        <PageHead title="My Images"><p class="soft">"…"</p><PageActions slot>buttons</PageActions></PageHead>
//! Section         <Section id="disks" title="Disks" link=Link::new("All", url)>…</Section>
//! Console         <Console title="ttyS0, live"><ConsoleActions slot>…</ConsoleActions><pre tabindex="0">…</pre></Console>
//! Shell           <Shell data=shell_data path back_to=address flash>page</Shell>
//! Gate            <Gate help="Forgot your password? …"><PostForm to=url class="stack"><Brand/>…</PostForm></Gate>
//! ```
//!
//! Layout is plain classes on plain elements (`style/layout.css`): `stack` (with `--l`, `--s`), `cluster`, `between`,
//! `split`, `halves`, `soft`, `small`, `panel`; `<ol class="log panel">` for activity.

mod button;
mod dialog;
mod effects;
mod empty;
mod field;
mod frame;
mod gauge;
mod icon;
mod menu;
mod notice;
mod page;
mod post;
mod shell;
mod shell_data;
mod status;
mod table;
mod tabs;
#[cfg(all(test, feature = "ssr"))]
mod testing;
mod text;

pub use button::*;
pub use dialog::*;
pub use effects::*;
pub use empty::*;
pub use field::*;
pub use frame::*;
pub use gauge::*;
pub use icon::*;
pub use menu::*;
pub use notice::*;
pub use page::*;
pub use post::*;
pub use shell::*;
pub use shell_data::*;
pub use status::*;
pub use table::*;
pub use tabs::*;
pub use text::*;
