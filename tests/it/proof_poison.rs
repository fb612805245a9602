//! The short form of the proof `poison`.

#[tokio::test]
async fn process_a_poisoned_update_harms_its_own_lead_only() {
    tests::proofs::short("poison").await;
}
