//! The ids of this service, and of its neighbours' things that a run refers to.

mc_chassis::id_type! {
    /// A tenant.
    WorkspaceId,
    /// A person.
    UserId,
    /// A team member.
    AgentId,
    /// A piece of work on the board.
    TaskId,
    /// Something that was said about a task.
    CommentId,
    /// One execution of a task.
    RunId,
    /// A file that a run wrote.
    ArtifactId,
    /// A person's order to a run.
    CommandId,
    /// Something that needs a person.
    InboxItemId,
    /// Leave to carry out certain calls without asking.
    ApprovalRuleId,
    /// Work that the clock starts.
    ScheduleId,
    /// One time that a schedule was due, or was told to run.
    FireId,
    /// Where notifications go.
    ChannelId,
    /// One notification for one channel.
    DeliveryId,
}
