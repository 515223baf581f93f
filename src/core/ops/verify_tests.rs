//! What `verify` finds, on stores with one thing wrong each.

use super::*;
use crate::domain::disk::DiskRole;
use crate::domain::ids::RequestId;
use crate::domain::image::{Bin, BootMode, ImageDisk, Os, Status, Visibility};
use crate::domain::meter::Charge;
use crate::domain::money::Money;
use crate::domain::quota::Limits;
use crate::domain::region::{SITE, Switch};
use crate::domain::request::{QuotaKind, Wish};
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use crate::store::{ATTEMPTS_MAX, Batch, MemoryStore, Tx, transact};

const ACCOUNT: AccountId = AccountId(Uuid::from_u128(1));
const PROJECT: ProjectId = ProjectId(Uuid::from_u128(2));
const IMAGE: Uuid = Uuid::from_u128(3);
const METER: MeterId = MeterId(Uuid::from_u128(4));

fn region() -> Region {
    Region {
        id: "north-1".into(),
        zones: vec!["a".into()],
        images: Switch::On,
        accepts_copies: Switch::On,
        sites: [SITE.to_owned()].into(),
        snapshots: Switch::On,
        recycle_days: 7,
        prices: PriceBook {
            version: 1,
            symbol: "€".into(),
            image_gb_month: Money(1),
            bin_gb_month: Money(1),
            snapshot_service_month: Money(1_000_000),
            snapshot_gb_month: Money(1),
            disk_gb_month: BTreeMap::new(),
            flavor_hour: BTreeMap::new(),
            ..PriceBook::default()
        },
        limits: Limits {
            n_images_max: 1,
            n_instances_max: 1,
            n_creates_max: 1,
            n_shares_max: 1,
            stored_gb_max: 1000,
            n_snapshots_max: 20,
        },
    }
}

fn book(version: u32, from: i64) -> DatedBook {
    let Region { id, prices, .. } = region();
    DatedBook { region: id, from: Timestamp(from), withdrawn: None, prices: PriceBook { version, ..prices } }
}

fn image() -> Image {
    Image {
        id: IMAGE.into(),
        account: ACCOUNT,
        project: PROJECT,
        region: "north-1".into(),
        name: Name::parse("Web").unwrap(),
        remark: String::new(),
        kind: crate::domain::image::Kind::System,
        zone: None,
        status: Status::Available,
        visibility: Visibility::Private,
        protected: false,
        hidden: false,
        tags: Default::default(),
        properties: BTreeMap::new(),
        os: Os::default(),
        architecture: "x86_64".into(),
        boot: BootMode::Bios,
        nic_multiqueue: false,
        sriov: false,
        min_vcpus: 0,
        min_memory_mib: 0,
        max_memory_mib: 0,
        min_disk_bytes: 512,
        parent: None,
        source: None,
        copied_from: None,
        from_snapshot: None,
        family: String::new(),
        life: Default::default(),
        bin: None,
        leaves: None,
        licence: String::new(),
        reserved_bytes: 0,
        reaches: BTreeSet::new(),
        disks: vec![ImageDisk {
            role: DiskRole::System,
            storage: None,
            fingerprint: "f".repeat(64),
            sha256: String::new(),
            virtual_bytes: 512,
            stored_bytes: 1,
        }],
        consistency: None,
        error: None,
        task: None,
        created: Timestamp(0),
        available: Some(Timestamp(0)),
        revision: 0,
        changed: None,
    }
}

fn meter(id: MeterId) -> Meter {
    Meter {
        id,
        subject: Subject::Image(IMAGE.into()),
        name: "Web".into(),
        account: ACCOUNT,
        project: PROJECT,
        region: "north-1".into(),
        charge: Charge::ImageStorage,
        quantity_bytes: 1,
        virtual_bytes: 1,
        from: Timestamp(0),
        to: None,
        labels: None,
    }
}

fn change(store: &MemoryStore, change: impl FnMut(&mut Tx<'_>) -> Result<(), StoreError>) {
    transact(store, ATTEMPTS_MAX, change).unwrap();
}

fn name_key(name: &str) -> (AccountId, RegionId, String) {
    (ACCOUNT, "north-1".into(), name.to_owned())
}

/// An account with one image that is charged.
fn sound() -> MemoryStore {
    let store = MemoryStore::new();
    change(&store, |tx| {
        tx.put(&Account {
            id: ACCOUNT,
            name: Name::parse("Acme").unwrap(),
            site: SITE.to_owned(),
            limits: BTreeMap::new(),
            created: Timestamp(0),
        })?;
        tx.put(&Project {
            id: PROJECT,
            account: ACCOUNT,
            name: Name::parse("prod").unwrap(),
            created: Timestamp(0),
        })?;
        tx.put(&region())?;
        tx.put(&book(1, 0))?;
        tx.put(&image())?;
        tx.put_index(index::IMAGE_BY_NAME, &name_key("web"), &IMAGE)?;
        tx.put(&Counter { n_images: 1, stored_bytes: None, ..Counter::zero(ACCOUNT, "north-1".into()) })?;
        tx.put(&meter(METER))?;
        tx.put_index(index::METER_OPEN, &IMAGE, &vec![METER])
    });
    store
}

/// Breaks one thing and expects exactly one finding, with these words.
fn check(words: &str, damage: impl FnMut(&mut Tx<'_>) -> Result<(), StoreError>) {
    let store = sound();
    change(&store, damage);
    let findings = verify(&store).unwrap().findings;
    assert!(findings.len() == 1 && findings[0].contains(words), "{words}: {findings:#?}");
}

#[test]
fn a_sound_store_has_no_findings_and_says_what_it_needs() {
    let verified = verify(&sound()).unwrap();
    assert_eq!(verified.findings, Vec::<String>::new());
    assert_eq!(verified.n_rows, 9);
    let needers = &verified.needed[&RegionId::from("north-1")][&"f".repeat(64)];
    assert_eq!(needers[0].to_string(), format!("image “Web” ({IMAGE}) in project prod of Acme"));
}

#[test]
fn index_rows_must_exist_and_be_right_and_lead_somewhere() {
    check("image_by_name", |tx| {
        tx.delete_index(index::IMAGE_BY_NAME, &name_key("web"));
        Ok(())
    });
    check("should say", |tx| tx.put_index(index::IMAGE_BY_NAME, &name_key("web"), &Uuid::from_u128(9)));
    check("leads to nothing", |tx| tx.put_index(index::IMAGE_BY_NAME, &name_key("other"), &IMAGE));
}

#[test]
fn counters_must_be_what_a_recount_gives() {
    let wrong = Counter { n_images: 2, stored_bytes: Some(1), ..Counter::zero(ACCOUNT, "north-1".into()) };
    check("of Acme in north-1 says 2 images and 0 instances; there are 1 and 0", |tx| tx.put(&wrong));
    let wrong = Counter { n_images: 1, creating: [(PROJECT, 2)].into(), ..wrong };
    check("being made there are: 2 in prod; there are: none", |tx| tx.put(&wrong));
    let wrong = Counter { n_copies: 3, creating: [].into(), ..wrong };
    check("says 3 copies on their way; there are 0", |tx| tx.put(&wrong));
    let wrong = Counter { n_copies: 0, n_shares: Some(4), ..wrong };
    check("says 4 accepted shares; there are 0", |tx| tx.put(&wrong));
    let wrong = Counter { n_shares: Some(0), stored_bytes: Some(7), ..wrong };
    check("says that images hold 7 bytes; they hold 1.", |tx| tx.put(&wrong));
    check("is missing", |tx| {
        tx.delete::<Counter>(&(ACCOUNT, "north-1".into()));
        Ok(())
    });
}

#[test]
fn an_available_image_is_charged_once() {
    check("is available and not charged for storage", |tx| {
        tx.delete_index(index::METER_OPEN, &IMAGE);
        tx.put(&Meter { to: Some(Timestamp(5)), ..meter(METER) })
    });
    let second = MeterId(Uuid::from_u128(5));
    check("charged twice", |tx| {
        tx.put(&meter(second))?;
        tx.put_index(index::METER_OPEN, &IMAGE, &vec![second, METER])
    });
    check("charged and should not be", |tx| tx.put(&Image { status: Status::Error, ..image() }));
    check("is charged for something else than storage", |tx| {
        tx.put(&Meter { charge: Charge::BinStorage, ..meter(METER) })
    });
}

/// The same image in the recycle bin, where it has neither its name nor a slot.
fn recycled(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let mut image = image();
    image.recycle(Bin::from(Timestamp(5), 7, "owner@acme.example"));
    tx.put(&image)?;
    tx.delete_index(index::IMAGE_BY_NAME, &name_key("web"));
    tx.put(&Counter { stored_bytes: None, ..Counter::zero(ACCOUNT, "north-1".into()) })?;
    tx.put(&Meter { charge: Charge::BinStorage, ..meter(METER) })
}

#[test]
fn what_is_in_the_recycle_bin_is_charged_there_and_needs_its_content() {
    let store = sound();
    change(&store, recycled);
    let verified = verify(&store).unwrap();
    assert_eq!(verified.findings, Vec::<String>::new());
    assert!(verified.needed[&RegionId::from("north-1")].contains_key(&"f".repeat(64)));
    check("is recycled and not charged for storage in the recycle bin", |tx| {
        recycled(tx)?;
        tx.delete_index(index::METER_OPEN, &IMAGE);
        tx.put(&Meter { to: Some(Timestamp(5)), ..meter(METER) })
    });
    check("for something else than storage in the recycle bin", |tx| {
        recycled(tx)?;
        tx.put(&meter(METER))
    });
    check("is recycled and has no disk", |tx| {
        recycled(tx)?;
        let image = tx.get::<Image>(&IMAGE.into())?.unwrap();
        tx.put(&Image { disks: vec![], ..image })
    });
}

#[test]
fn a_place_in_the_recycle_bin_goes_with_its_status() {
    let bin = || Some(Bin::from(Timestamp(5), 7, "owner@acme.example"));
    check("is available and has a place in the recycle bin", |tx| tx.put(&Image { bin: bin(), ..image() }));
    let placed = |bin: Option<Bin>, leaves: Option<Timestamp>| {
        move |tx: &mut Tx<'_>| {
            recycled(tx)?;
            let image = tx.get::<Image>(&IMAGE.into())?.unwrap();
            tx.put(&Image { bin: bin.clone(), leaves, ..image })
        }
    };
    check("is recycled and has no place in the recycle bin", placed(None, None));
    check("is recycled and is going to be deleted", placed(bin(), Some(Timestamp(9))));
    let back = Bin { until: Timestamp(4), ..bin().unwrap() };
    check("leaves the recycle bin before it came there", placed(Some(back), None));
}

#[test]
fn a_meter_belongs_to_something_and_runs_forward() {
    let gone = Uuid::from_u128(8);
    check("does not exist and is still charged", |tx| {
        tx.put(&Meter { id: MeterId(gone), subject: Subject::Image(gone.into()), ..meter(METER) })?;
        tx.put_index(index::METER_OPEN, &gone, &vec![gone])
    });
    check("ends before it begins", |tx| {
        tx.put(&Meter { id: MeterId(gone), from: Timestamp(9000), to: Some(Timestamp(1)), ..meter(METER) })
    });
}

#[test]
fn price_books_follow_one_another_up_to_the_prices_in_force() {
    let with = |version| Region { prices: book(version, 0).prices, ..region() };
    check("those of none of its price books", |tx| tx.put(&with(2)));
    check("those of none of its price books", |tx| {
        tx.put(&DatedBook { withdrawn: Some(Timestamp(1)), ..book(2, 5) })?;
        tx.put(&with(2))
    });
    check("book 2 of north-1 begins before 1", |tx| {
        tx.put(&book(2, -5))?;
        tx.put(&with(2))
    });
    check("book 3 of north-1 does not follow on 1", |tx| {
        tx.put(&book(3, 5))?;
        tx.put(&with(3))
    });
}

#[test]
fn requests_belong_to_an_account_and_wait_until_they_are_decided() {
    let request = |region: &str, state| Request {
        id: RequestId(IMAGE),
        account: ACCOUNT,
        region: region.into(),
        wish: Wish::More { kind: QuotaKind::Images, limit: 1, wanted: 2 },
        reason: String::new(),
        by: String::new(),
        at: Timestamp(5),
        state,
        decision: None,
    };
    let put = |tx: &mut Tx<'_>, request: &Request| {
        tx.put(request)?;
        tx.put_index(index::REQUEST_BY_TIME, &(5_i64, request.id), &request.id)?;
        tx.put_index(
            index::REQUEST_BY_PLACE,
            &(ACCOUNT, request.region.clone(), 5_i64, request.id),
            &request.id,
        )
    };
    check("request_open", |tx| put(tx, &request("north-1", State::Pending)));
    check("is declined, and its decision does not fit", |tx| put(tx, &request("north-1", State::Declined)));
    check("belongs to no account or region", |tx| {
        let lost = request("south-1", State::Pending);
        put(tx, &lost)?;
        tx.put_index(index::REQUEST_OPEN, &crate::ops::quotas::open_key(&lost), &lost.id)
    });
}

#[test]
fn machines_of_a_group_are_there_and_in_no_other() {
    let group = |n: u128, members: &[u128]| Group {
        id: Uuid::from_u128(n).into(),
        account: ACCOUNT,
        project: PROJECT,
        name: Name::parse(&format!("farm-{n}")).unwrap(),
        members: members.iter().map(|n| Uuid::from_u128(*n).into()).collect(),
        ..crate::domain::group::tests::group(1)
    };
    let put = |tx: &mut Tx<'_>, groups: &[Group]| {
        for group in groups {
            tx.put(group)?;
            tx.put_index(index::GROUP_BY_NAME, &crate::ops::groups::name_key(group), &group.id)?;
            for member in &group.members {
                tx.put_index(index::GROUP_OF_INSTANCE, member, &group.id)?;
            }
        }
        let ids: Vec<_> = groups.iter().map(|group| group.id).collect();
        tx.put_index(index::GROUP_BY_PLACE, &(PROJECT, RegionId::from("north-1")), &ids)
    };
    let store = sound();
    change(&store, |tx| put(tx, &[group(20, &[]), group(21, &[])]));
    assert_eq!(verify(&store).unwrap().findings, Vec::<String>::new());
    check("which is not there", |tx| put(tx, &[group(20, &[30])]));
    check("has no account, project or region", |tx| {
        let lost = Group { account: AccountId(Uuid::from_u128(40)), ..group(20, &[]) };
        put(tx, &[lost])
    });
    check("group_by_place", |tx| {
        put(tx, &[group(20, &[])])?;
        tx.delete_index(index::GROUP_BY_PLACE, &(PROJECT, RegionId::from("north-1")));
        Ok(())
    });
    let twice = sound();
    change(&twice, |tx| put(tx, &[group(20, &[30]), group(21, &[30])]));
    let found = verify(&twice).unwrap().findings;
    assert!(found.iter().any(|f| f.contains("which another group has or it twice")), "{found:?}");
}

#[test]
fn what_became_of_a_system_belongs_to_a_machine() {
    check("of the machine", |tx| tx.put(&Installation::first(Uuid::from_u128(30).into())));
}

#[test]
fn a_filling_that_was_broken_off_is_found() {
    check("was broken off", |tx| tx.put(&Seeding { began: Timestamp(0) }));
}

#[test]
fn what_is_available_has_a_size() {
    check("size 0", |tx| tx.put(&Image { disks: vec![], ..image() }));
}

#[test]
fn the_disks_of_an_image_are_those_of_its_kind() {
    for kind in [image::Kind::Data, image::Kind::Machine] {
        check("and its disks are not", |tx| tx.put(&Image { kind, ..image() }));
    }
}

#[test]
fn references_lead_somewhere() {
    let lost = Project {
        id: ProjectId(Uuid::from_u128(7)),
        account: AccountId(Uuid::from_u128(9)),
        name: Name::parse("lost").unwrap(),
        created: Timestamp(0),
    };
    check("belongs to no account", |tx| tx.put(&lost));
}

#[test]
fn rows_that_are_not_understood_are_named_one_by_one() {
    for (key, value, words) in [
        (record_key(Flavor::TABLE, &"m1"), &b"{\"v\":1,\"r\":{}}"[..], "not readable"),
        (record_key(Task::TABLE, &IMAGE), b"{\"v\":1,\"r\":{}}", "task/00000000-0000-0000-0000-000000000003"),
        (
            record_key(Region::TABLE, &"south-1"),
            &sound().get(&record_key(Region::TABLE, &"north-1")).unwrap().unwrap().value,
            "key of another",
        ),
        (b"tnothing\0x".to_vec(), b"1", "no table or index"),
        (index_key(index::TASK_ACTIVE, &IMAGE), b"{", "not readable"),
    ] {
        let store = sound();
        store.commit(Batch::new().put(key, value)).unwrap();
        let findings = verify(&store).unwrap().findings;
        assert!(findings.len() == 1 && findings[0].contains(words), "{words}: {findings:#?}");
    }
}
