namespace IoTFleet.Api;

/// <summary>Ways into the fleet.</summary>
public sealed partial class FleetClient
{
    /// <summary>Every enrolment group, by name.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<IReadOnlyList<GroupDetails>> GetGroupsAsync(CancellationToken cancellationToken = default) =>
        (await GetAsync("groups", ApiJson.Default.PageGroupDetails, cancellationToken)).Items;

    /// <summary>One enrolment group.</summary>
    /// <param name="id">The group.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.GroupNotFound"/>.</exception>
    public Task<GroupDetails> GetGroupAsync(string id, CancellationToken cancellationToken = default) =>
        GetAsync($"groups/{Escape(id)}", ApiJson.Default.GroupDetails, cancellationToken);

    /// <summary>Opens a way into the fleet.</summary>
    /// <param name="request">Its name and settings.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.GroupExists"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<GroupDetails> CreateGroupAsync(CreateGroupRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("groups", Body(request, ApiJson.Default.CreateGroupRequest), ApiJson.Default.GroupDetails, cancellationToken);

    /// <summary>Replaces a group's settings.</summary>
    /// <param name="id">The group.</param>
    /// <param name="settings">All of them.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.GroupNotFound"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public async Task<GroupDetails> ChangeGroupAsync(string id, GroupSettings settings, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, Root + $"groups/{Escape(id)}") { Content = Body(settings, ApiJson.Default.GroupSettings) };
        return await AnswerAsync(request, ApiJson.Default.GroupDetails, cancellationToken);
    }

    /// <summary>Enrols nobody any more by this group; its devices stay.</summary>
    /// <param name="id">The group.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.GroupNotFound"/>.</exception>
    public Task<GroupDetails> CloseGroupAsync(string id, CancellationToken cancellationToken = default) =>
        PostAsync($"groups/{Escape(id)}/close", null, ApiJson.Default.GroupDetails, cancellationToken);

    /// <summary>Opens a closed group again.</summary>
    /// <param name="id">The group.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.GroupNotFound"/>.</exception>
    public Task<GroupDetails> OpenGroupAsync(string id, CancellationToken cancellationToken = default) =>
        PostAsync($"groups/{Escape(id)}/open", null, ApiJson.Default.GroupDetails, cancellationToken);
}
