//! The short form of the proof `disk`.

#[tokio::test]
async fn process_a_disk_full_at_any_write_loses_nothing() {
    tests::proofs::short("disk").await;
}
