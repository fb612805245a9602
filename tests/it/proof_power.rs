//! The short form of the proof `power`.

#[tokio::test]
async fn process_a_power_cut_loses_nothing_acknowledged() {
    tests::proofs::short("power").await;
}
