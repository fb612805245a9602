//! The short form of the proof `flood`.

#[tokio::test]
async fn process_a_flood_of_one_lead_leaves_the_others_as_quick_as_before() {
    tests::proofs::short("flood").await;
}
