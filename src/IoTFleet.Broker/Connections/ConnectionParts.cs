using IoTFleet.Broker.Figures;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Broker.Connections;

/// <summary>What every connection of one broker works with.</summary>
internal sealed record ConnectionParts(
    BrokerOptions Options,
    IAccessPolicy Access,
    IMessageSink Sink,
    IBrokerStore Store,
    SubscriptionTree Tree,
    Router Router,
    RetainedMessages Retained,
    Wills Wills,
    SessionDirectory Sessions,
    SysTopics Sys,
    RefusalLog Refusals,
    BrokerMetrics Metrics,
    ClientSignals Signals,
    TimeProvider Clock,
    ILogger Logger);
