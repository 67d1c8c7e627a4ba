using System.Net.Security;
using System.Reflection;
using System.Runtime.InteropServices;

namespace IoTFleet.Server.Security;

/// <summary>
/// Lets OpenSSL give a connection's record buffers back while nothing is on its way, a quarter of what an idle device takes. OpenSSL has a mode for it
/// that .NET does not offer, so the connection's handle is taken from a private field. Where that is not found as it is known, nothing happens and the
/// buffers are kept.
/// </summary>
internal static partial class OpenSslBuffers
{
    private const int KnownRuntime = 10;
    private const int SetMode = 33;                 // SSL_CTRL_MODE
    private const nint ReleaseBuffers = 0x10;       // SSL_MODE_RELEASE_BUFFERS

    private static readonly FieldInfo? Context = typeof(SslStream).GetField("_securityContext", BindingFlags.Instance | BindingFlags.NonPublic);
    private static readonly bool IsKnown = OperatingSystem.IsLinux() && Environment.Version.Major == KnownRuntime;

    /// <returns>Whether they will be.</returns>
    public static bool ReleaseWhenIdle(SslStream connection) =>
        IsKnown && Context?.GetValue(connection) is SafeHandle handle && handle.GetType().Name == "SafeSslHandle" && TrySet(handle);

    private static bool TrySet(SafeHandle handle)
    {
        var held = false;
        try
        {
            handle.DangerousAddRef(ref held);
            return (Control(handle.DangerousGetHandle(), SetMode, ReleaseBuffers, 0) & ReleaseBuffers) != 0;
        }
        catch (Exception unusable) when (unusable is ObjectDisposedException or DllNotFoundException or EntryPointNotFoundException)
        {
            return false;       // gone meanwhile, or another OpenSSL
        }
        finally
        {
            if (held) handle.DangerousRelease();
        }
    }

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_ctrl")]
    private static partial nint Control(nint connection, int command, nint value, nint pointer);
}
