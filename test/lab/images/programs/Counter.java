import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;

/**
 * An HTTP counter with a pool of threads. GET / counts and answers {count, uptimeMs, pid, startedAt, kept}; uptimeMs is
 * System.nanoTime(). Each request makes a megabyte of garbage and keeps an object, so that compiler and collector work.
 */
public final class Counter {
    public static void main(String[] arguments) throws Exception {
        String startedAt = Instant.now().toString();
        long started = System.nanoTime();
        long pid = ProcessHandle.current().pid();
        AtomicLong count = new AtomicLong();
        ConcurrentHashMap<Long, byte[]> kept = new ConcurrentHashMap<>();
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 64);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", exchange -> {
            long number = count.incrementAndGet();
            for (int i = 0; i < 16; i++) {
                byte[] garbage = new byte[65536];
                garbage[i] = (byte) number;
            }
            kept.put(number % 1000, new byte[4096]);
            double uptimeMs = (System.nanoTime() - started) / 1e6;
            byte[] answer = String.format(
                    "{\"count\":%d,\"uptimeMs\":%.3f,\"pid\":%d,\"startedAt\":\"%s\",\"kept\":%d}\n",
                    number, uptimeMs, pid, startedAt, kept.size()).getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
    }
}
