import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Iterator;

/** Reads a stream line by line with the JDK's default client; with "leave", hangs up after the first event. */
public class JdkStream {
    public static void main(String[] arguments) throws Exception {
        var body = "{\"text\": \"" + arguments[1] + "\"}";
        var request = HttpRequest.newBuilder(URI.create(arguments[0] + "/v1/summarize/stream"))
            .header("Content-Type", "application/json")
            .header("X-Request-Id", "jdk-" + arguments[2])
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
        var response = HttpClient.newHttpClient().send(request, BodyHandlers.ofLines());
        System.out.println(response.statusCode() + " " + response.headers().firstValue("content-type").orElse(""));
        try (var lines = response.body()) {
            for (Iterator<String> each = lines.iterator(); each.hasNext();) {
                var line = each.next();
                System.out.println(line);
                if (arguments[2].equals("leave") && line.isEmpty()) {
                    return;
                }
            }
        }
    }
}
